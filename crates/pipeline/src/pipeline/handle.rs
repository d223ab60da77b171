//! What people do with alarms.

use super::{Pipeline, SubmitError};
use crate::alarms::Alarm;
use crate::group_commit::CommitError;
use std::sync::Arc;
use turbine_core::alarm_log::{ActionKind, AlarmId, CommentText, PersonName};

/// Why nothing was done with an alarm.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum HandleError {
    /// There is no model, so no alarm is known.
    #[error(transparent)]
    NoModel(SubmitError),
    /// There is no such alarm in memory.
    #[error("there is no alarm {0}; see /alarms for the running ones and the last 10,000 past ones")]
    UnknownAlarm(AlarmId),
    /// The alarm belongs to a park whose log stores no actions.
    #[error(
        "the alarms of a cluster are shown here, and nothing keeps what people do with them; silence an alarm at the \
         receivers of its notifications"
    )]
    NotKept,
    /// It could not be written, so it was not done.
    #[error("nothing was done with the alarm, because it could not be written: {reason}")]
    NotWritten {
        /// The reason, with its remedy.
        reason: Arc<str>,
    },
    /// It was not written in time, and may still be.
    #[error("it is unknown whether it was done: it was not written within {seconds} s; doing it again is safe")]
    Unknown {
        /// How long it might have taken.
        seconds: f64,
    },
}

impl Pipeline {
    /// Keeps what a person did with an alarm, running or past, and says how the alarm is now. It is on the disk when this
    /// returns. The last action of a kind wins; the file has all of them.
    ///
    /// If it is cancelled, the action is done whole or not at all.
    ///
    /// # Errors
    /// A [`HandleError`], which says whether it may have been done.
    pub async fn handle_alarm(
        &self,
        id: AlarmId,
        kind: ActionKind,
        by: PersonName,
        comment: Option<CommentText>,
    ) -> Result<Arc<Alarm>, HandleError> {
        let model = self.model().map_err(HandleError::NoModel)?;
        if self.0.park.is_some() {
            return Err(HandleError::NotKept);
        }
        let Some(commits) = self.0.commits.get() else { return Err(HandleError::UnknownAlarm(id)) };
        let alarm = id.clone();
        let handled = commits.exclusively(move |committer| committer.handle(&alarm, (kind, by, comment), &model));
        let limit = self.0.config.time_limit;
        match tokio::time::timeout(limit, handled).await {
            Err(_) => Err(HandleError::Unknown { seconds: limit.as_secs_f64() }),
            Ok(Err(CommitError::Unavailable(reason))) => Err(HandleError::NotWritten { reason }),
            Ok(Err(error)) => Err(HandleError::NotWritten { reason: error.to_string().into() }),
            Ok(Ok(alarm)) => alarm.ok_or(HandleError::UnknownAlarm(id)),
        }
    }
}
