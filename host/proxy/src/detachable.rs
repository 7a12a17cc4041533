//! Work that its caller waits for, and that goes on by itself when the caller leaves.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

/// A future that, dropped before its end, is finished by a task of `tasks` if `wanted` says so.
/// While its caller stays it costs one box and no task.
pub(crate) struct Detachable<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    work: Option<Pin<Box<F>>>,
    wanted: Arc<AtomicBool>,
    tasks: TaskTracker,
}

impl<F> Detachable<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    pub(crate) fn new(work: F, wanted: Arc<AtomicBool>, tasks: TaskTracker) -> Self {
        Self { work: Some(Box::pin(work)), wanted, tasks }
    }
}

impl<F> Future for Detachable<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(work) = &mut self.work else { return Poll::Pending };
        let polled = work.as_mut().poll(context);
        if polled.is_ready() {
            self.work = None;
        }
        polled
    }
}

impl<F> Drop for Detachable<F>
where
    F: Future<Output: Send> + Send + 'static,
{
    fn drop(&mut self) {
        let Some(work) = self.work.take().filter(|_| self.wanted.load(Ordering::Acquire)) else {
            return;
        };
        // Outside the runtime the process is ending: what is left is the service's to remember.
        if let Ok(runtime) = Handle::try_current() {
            self.tasks.spawn_on(work, &runtime);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    /// Returns whether the work was finished, and how many tasks were waited for.
    async fn dropped_halfway(wanted: bool) -> (bool, usize) {
        let (go, gone) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel::<()>();
        let work = async move {
            let _ = gone.await;
            tell.send(()).is_ok()
        };
        let (wanted, tasks) = (Arc::new(AtomicBool::new(wanted)), TaskTracker::new());
        let mut work = Detachable::new(work, wanted, tasks.clone());
        std::future::poll_fn(|context| {
            assert!(Pin::new(&mut work).poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
        drop(work);
        let waited_for = tasks.len();
        let _ = go.send(());
        tasks.close();
        tasks.wait().await;
        (told.await.is_ok(), waited_for)
    }

    #[tokio::test]
    async fn what_is_wanted_is_finished_though_the_caller_leaves() {
        assert_eq!(dropped_halfway(true).await, (true, 1));
    }

    #[tokio::test]
    async fn what_is_not_wanted_ends_with_the_caller() {
        assert_eq!(dropped_halfway(false).await, (false, 0));
    }

    #[tokio::test]
    async fn the_caller_who_stays_gets_the_result() {
        let (wanted, tasks) = (Arc::new(AtomicBool::new(true)), TaskTracker::new());
        assert_eq!(Detachable::new(async { 7 }, wanted, tasks.clone()).await, 7);
        assert!(tasks.is_empty());
    }
}
