// Keeps what it is told in the size of a table, where no snapshot can follow; and looks for what
// an earlier request left in a table and in a global. Its settings are one word, without JSON.

#include "policy.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// From `places.s`. Growing answers the size before, or -1; a visit answers how many there were.
extern int32_t acts_grow(int32_t by);
extern int32_t acts_size(void);
extern int32_t visit(void);

static void deny(policy_verdict_t *verdict, const char *detail) {
  tollgate_policy_verdicts_reply_t *reply = &verdict->val.reply;
  tollgate_policy_verdicts_problem_t *problem = &reply->content.val.problem;
  verdict->tag = TOLLGATE_POLICY_VERDICTS_VERDICT_REPLY;
  reply->status = 403;
  reply->content.tag = TOLLGATE_POLICY_VERDICTS_CONTENT_PROBLEM;
  memset(problem, 0, sizeof *problem);
  policy_string_dup(&problem->slug, "denied");
  policy_string_dup(&problem->title, "Denied");
  policy_string_dup(&problem->detail, detail);
}

// Looks for visits and growth since the table had this size, and leaves both.
static void look(policy_verdict_t *verdict, int32_t size) {
  char found[] = "global 0, table 0";
  found[7] += visit() != 0;
  found[16] += acts_size() != size;
  acts_grow(1);
  deny(verdict, found);
}

// The number of a word is the size that the table gets.
enum { PROCEED = 1, DENY, GROW, PAST, PAST_TWICE };
static const char *const WORDS[] = {"", "proceed", "deny", "grow", "past", "past-twice"};

bool exports_policy_configure(policy_string_t *settings, policy_list_setting_problem_t *err) {
  for (int32_t word = PROCEED; word <= PAST_TWICE; word++) {
    if (strlen(WORDS[word]) != settings->len) continue;
    if (memcmp(WORDS[word], settings->ptr, settings->len) == 0) return acts_grow(word) == 0;
  }
  err->len = 1;
  err->ptr = malloc(sizeof *err->ptr);
  if (!err->ptr) abort();
  policy_string_dup(&err->ptr->key, "act");
  policy_string_dup(&err->ptr->message, "expected a word that this guest knows");
  return false;
}

void exports_policy_on_request(policy_verdict_t *verdict) {
  switch (acts_size()) {
    case PROCEED:
      verdict->tag = TOLLGATE_POLICY_VERDICTS_VERDICT_PROCEED;
      break;
    case DENY:
      deny(verdict, "as told");
      break;
    case GROW:
      while (acts_grow(100) != -1) continue;
      deny(verdict, "no room");
      break;
    case PAST:
      look(verdict, PAST);
      break;
    case PAST_TWICE:
      look(verdict, PAST_TWICE);
      look(verdict, PAST_TWICE);
      break;
    default:
      abort();
  }
}
