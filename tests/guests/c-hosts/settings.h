// The settings `{"hosts":[{"name":"…"}]}`: the part of JSON that they need, read strictly.

#ifndef SETTINGS_H
#define SETTINGS_H

#include "policy.h"

#define HOSTS_MAX 256
#define PROBLEMS_MAX 16

// What is wrong, key by key. Problems beyond the last are not kept.
typedef struct {
  policy_setting_problem_t list[PROBLEMS_MAX];
  size_t count;
} problems_t;

// Reads the names of the hosts; right only when `problems` stays empty. The names are copies.
void settings_read(const policy_string_t *text, policy_list_string_t *hosts,
                   problems_t *problems);

#endif
