// Grows a table until it is stopped, in the hook that its settings name: one word, in JSON.

#include "policy_with_response.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// From `places.s`: answers the size before, or -1.
extern int32_t hoard_grow(int32_t by);

static const char IN_REQUEST[] = "{\"in\":\"request\"}";
static const char IN_RESPONSE[] = "{\"in\":\"response\"}";

static int32_t grows_in_response;

static bool is(const policy_with_response_string_t *text, const char *word) {
  return text->len == strlen(word) && memcmp(text->ptr, word, text->len) == 0;
}

static void grow(void) {
  while (hoard_grow(100) != -1) continue;
  abort();
}

bool exports_policy_with_response_configure(policy_with_response_string_t *settings,
                                            policy_with_response_list_setting_problem_t *err) {
  grows_in_response = is(settings, IN_RESPONSE);
  if (grows_in_response || is(settings, IN_REQUEST)) return true;
  err->len = 1;
  err->ptr = malloc(sizeof *err->ptr);
  if (!err->ptr) abort();
  policy_with_response_string_dup(&err->ptr->key, "in");
  policy_with_response_string_dup(&err->ptr->message, "expected `request` or `response`");
  return false;
}

void exports_policy_with_response_on_request(policy_with_response_verdict_t *verdict) {
  if (!grows_in_response) grow();
  verdict->tag = TOLLGATE_POLICY_VERDICTS_VERDICT_PROCEED;
}

void exports_policy_with_response_on_response(policy_with_response_response_verdict_t *verdict) {
  if (grows_in_response) grow();
  verdict->tag = TOLLGATE_POLICY_VERDICTS_RESPONSE_VERDICT_PROCEED;
}
