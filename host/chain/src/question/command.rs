//! The table of commands: questions whose answer is *done*.

use std::fmt;
use std::sync::Arc;

use serde::de::VariantAccess;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::argument::{Argument, Said};
use super::function::{AnswerSource, Function, QuestionFacts};
use super::table::{deserialize_group, given_or, questions, serialize_group};
use super::{CredentialHandle, LogLevel, Nonsense, Question, Source, Text, bounds, form};
use crate::{Answer, Interface};

const COMMAND: QuestionFacts = QuestionFacts::from_source(AnswerSource::Done);

questions! {
    /// Questions whose answer is *done*, collected and applied with the verdict.
    Command {
        /// Commands on the header of the reply.
        ReplyHeaders(ReplyHeadersCommand) {
            Set(name: Text, value: Text) "reply-headers.set" {
                form: "reply-header-set",
                facts: COMMAND,
                words: "set the reply's {name} to \"{value}\"",
                field: name,
                bounds: bounds::field(name, value),
            }
            SetFrom(name: Text, source: Source) "reply-headers.set-from" {
                form: "reply-header-set-from",
                facts: COMMAND,
                words: "set the reply's {name} to {source}",
                bounds: bounds::field_name(name),
            }
            AddVary(names: Box<[Text]>) "reply-headers.add-vary" {
                form: "reply-vary",
                facts: COMMAND,
                words: "added {names} to the reply's Vary",
                bounds: bounds::field_names(names),
            }
            DropUpstream(names: Arc<[Text]>) "reply-headers.drop-upstream" {
                form: "reply-drop-upstream",
                facts: COMMAND,
                words: "dropped {names} from the upstream's response",
                bounds: bounds::field_names(names),
            }
        }

        /// The command that establishes the principal.
        Principal(PrincipalCommand) {
            Establish(credential: CredentialHandle) "principal.establish" {
                form: "principal-establish",
                facts: COMMAND.decisive(),
                words: "established the credential as the caller",
            }
        }

        /// The command that reports the quotas in the reply.
        Quota(QuotaCommand) {
            Report "quota.report" {
                form: "quota-report",
                facts: COMMAND,
                words: "reported the quotas in the reply",
            }
        }

        /// The command that leaves a note for later runs.
        Notes(NotesCommand) {
            Set(name: Text, value: Text) "notes.set" {
                form: "note-set",
                facts: COMMAND,
                words: "left the note {name} = \"{value}\"",
                bounds: bounds::note(name, value),
            }
        }

        /// The command that writes a line for the operator.
        Log(LogCommand) {
            Write(level: LogLevel, message: Text) "log.write" {
                form: "log",
                facts: COMMAND,
                words: "logged \"{message}\"",
            }
        }
    }
}
