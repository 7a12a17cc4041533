#include "settings.h"

#include <stdlib.h>
#include <string.h>

// A place in the text. Once something is wrong with the text as such, nothing more is read.
typedef struct {
  const char *at;
  const char *end;
  bool wrong;
  problems_t *problems;
} reader_t;

typedef void (*read_member_t)(reader_t *reader, const char *key, void *into);

static void problem(problems_t *problems, const char *key, const char *message) {
  if (problems->count == PROBLEMS_MAX) return;
  policy_setting_problem_t *next = &problems->list[problems->count++];
  policy_string_dup(&next->key, key);
  policy_string_dup(&next->message, message);
}

static void malformed(reader_t *reader, const char *message) {
  if (!reader->wrong) problem(reader->problems, "", message);
  reader->wrong = true;
}

static char peek(reader_t *reader) {
  while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) && *reader->at) reader->at++;
  return reader->at < reader->end && !reader->wrong ? *reader->at : 0;
}

static bool skip(reader_t *reader, char wanted) {
  bool there = peek(reader) == wanted && wanted;
  if (there) reader->at++;
  return there;
}

static void expect(reader_t *reader, char wanted, const char *message) {
  if (!skip(reader, wanted)) malformed(reader, message);
}

// Text without escapes, which no host's name needs; the caller frees it.
static char *text(reader_t *reader) {
  expect(reader, '"', "expected text in quotes");
  const char *start = reader->at;
  while (reader->at < reader->end && *reader->at != '"') {
    if (*reader->at == '\\' || (unsigned char)*reader->at < 0x20) {
      malformed(reader, "expected text without escapes");
    }
    reader->at++;
  }
  size_t length = reader->wrong ? 0 : (size_t)(reader->at - start);
  expect(reader, '"', "expected the end of the text");
  char *copy = malloc(length + 1);
  if (!copy) abort();
  memcpy(copy, start, length);
  copy[length] = 0;
  return copy;
}

static void object(reader_t *reader, read_member_t read_member, void *into) {
  expect(reader, '{', "expected an object");
  if (skip(reader, '}')) return;
  do {
    char *key = text(reader);
    expect(reader, ':', "expected a colon");
    if (!reader->wrong) read_member(reader, key, into);
    free(key);
  } while (!reader->wrong && skip(reader, ','));
  expect(reader, '}', "expected the end of the object");
}

// One entry of the list, and where it stands.
typedef struct {
  size_t index;
  char *name;
} entry_t;

// Without `snprintf`, which is larger than all else here. An index has at most three digits.
static void at_entry(problems_t *problems, size_t index, const char *member, const char *message) {
  char key[64] = "hosts[";
  char digits[] = {'0' + index / 100 % 10, '0' + index / 10 % 10, '0' + index % 10, 0};
  strcat(key, index > 99 ? digits : index > 9 ? digits + 1 : digits + 2);
  strcat(key, *member ? "]." : "]");
  strncat(key, member, 40);
  problem(problems, key, message);
}

static void read_entry(reader_t *reader, const char *key, void *into) {
  entry_t *entry = into;
  if (strcmp(key, "name") != 0) {
    at_entry(reader->problems, entry->index, key, "unknown key; the keys here are: name");
    // What it holds is not known, so the rest cannot be read.
    reader->wrong = true;
    return;
  }
  free(entry->name);
  entry->name = text(reader);
}

// Lower case letters, digits and the marks of a name or an address, with at most one port.
static bool is_canonical(const char *name) {
  size_t length = strlen(name);
  const char *marks = "abcdefghijklmnopqrstuvwxyz0123456789.-:[]";
  if (length == 0 || length > 255 || strspn(name, marks) != length) return false;
  const char *colon = strrchr(name, ':');
  if (colon && name[length - 1] == ']') colon = NULL;
  if (colon && (!strcmp(colon, ":80") || !strcmp(colon, ":443") || !colon[1])) return false;
  if (colon && strspn(colon + 1, "0123456789") != strlen(colon + 1)) return false;
  size_t host = colon ? (size_t)(colon - name) : length;
  return host > 0 && name[0] != '.' && name[host - 1] != '.';
}

static void keep(reader_t *reader, policy_list_string_t *hosts, const entry_t *entry) {
  if (!entry->name || !is_canonical(entry->name)) {
    at_entry(reader->problems, entry->index, "name",
             "expected `host` or `host:port` in lower case, without a trailing dot, without a "
             "wildcard, and without the default ports 80 and 443");
  }
  const char *name = entry->name ? entry->name : "";
  for (size_t i = 0; i < hosts->len; i++) {
    bool same = hosts->ptr[i].len == strlen(name);
    if (same && memcmp(hosts->ptr[i].ptr, name, strlen(name)) == 0) {
      at_entry(reader->problems, entry->index, "", "the host is listed twice");
    }
  }
  if (hosts->len == HOSTS_MAX) {
    malformed(reader, "expected at most 256 hosts");
    return;
  }
  policy_string_dup(&hosts->ptr[hosts->len++], name);
}

static void read_hosts(reader_t *reader, const char *key, void *into) {
  policy_list_string_t *hosts = into;
  if (strcmp(key, "hosts") != 0) {
    problem(reader->problems, key, "unknown key; the keys here are: hosts");
    reader->wrong = true;
    return;
  }
  expect(reader, '[', "expected a list");
  if (skip(reader, ']')) return;
  do {
    entry_t entry = {.index = hosts->len, .name = NULL};
    object(reader, read_entry, &entry);
    if (!reader->wrong) keep(reader, hosts, &entry);
    free(entry.name);
  } while (!reader->wrong && skip(reader, ','));
  expect(reader, ']', "expected the end of the list");
}

void settings_read(const policy_string_t *settings, policy_list_string_t *hosts,
                   problems_t *problems) {
  const char *start = (const char *)settings->ptr;
  reader_t reader = {.at = start, .end = start + settings->len, .problems = problems};
  hosts->len = 0;
  hosts->ptr = calloc(HOSTS_MAX, sizeof *hosts->ptr);
  if (!hosts->ptr) abort();
  object(&reader, read_hosts, hosts);
  if (!reader.wrong && peek(&reader)) malformed(&reader, "expected the end of the settings");
  if (!reader.wrong && hosts->len == 0) {
    problem(problems, "hosts", "expected at least one host with a valid entry");
  }
}
