// Refuses requests for hosts that are not served here: the core of `allowed-hosts`, in C.

#include "policy.h"
#include "settings.h"

#include <stdlib.h>
#include <string.h>

// The hosts that are served, as `configure` found them.
static policy_list_string_t hosts;

bool exports_policy_configure(policy_string_t *settings, policy_list_setting_problem_t *err) {
  problems_t problems = {.count = 0};
  settings_read(settings, &hosts, &problems);
  policy_string_free(settings);
  if (problems.count == 0) return true;
  size_t bytes = problems.count * sizeof *problems.list;
  err->ptr = malloc(bytes);
  if (!err->ptr) abort();
  memcpy(err->ptr, problems.list, bytes);
  err->len = problems.count;
  return false;
}

static void not_served(policy_verdict_t *verdict) {
  tollgate_policy_verdicts_reply_t *reply = &verdict->val.reply;
  tollgate_policy_verdicts_problem_t *problem = &reply->content.val.problem;
  verdict->tag = TOLLGATE_POLICY_VERDICTS_VERDICT_REPLY;
  reply->status = 421;
  reply->content.tag = TOLLGATE_POLICY_VERDICTS_CONTENT_PROBLEM;
  memset(problem, 0, sizeof *problem);
  policy_string_dup(&problem->slug, "host-not-served");
  policy_string_dup(&problem->title, "Host not served");
  policy_string_dup(&problem->detail,
                    "This server does not serve the requested host on this connection.");
}

void exports_policy_on_request(policy_verdict_t *verdict) {
  uint32_t index;
  if (!tollgate_policy_request_authority_in(&hosts, &index) || index >= hosts.len) {
    not_served(verdict);
    return;
  }
  // RFC 9110 §7.4: a request for one host on a connection made for another is misdirected.
  if (tollgate_policy_request_server_name_in(&hosts) ==
      TOLLGATE_POLICY_REQUEST_SERVER_NAME_OTHER) {
    not_served(verdict);
    return;
  }
  verdict->tag = TOLLGATE_POLICY_VERDICTS_VERDICT_PROCEED;
}
