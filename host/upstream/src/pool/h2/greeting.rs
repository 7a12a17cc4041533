//! The peer's first SETTINGS: how many streams it allows (RFC 9113 §3.4, §5.1.2).
//!
//! Requests that are sent before it may be more than the peer takes; it refuses those, or they wait
//! on one connection while others would be made for them. hyper tells the limit and not when it
//! changes, so that its task, which reads SETTINGS, is watched until the first of them came.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use futures_util::task::AtomicWaker;
use hyper::client::conn::http2::Connection;
use hyper::rt::{Executor, Read, Write};

use crate::outgoing::OutboundBody;

/// Waits for the peer's first SETTINGS.
#[derive(Default)]
pub(super) struct Greeting {
    waker: AtomicWaker,
    is_over: AtomicBool,
}

impl Greeting {
    /// Drives a new connection until its peer has said how many streams it allows; `None` when it
    /// ends before.
    pub(super) async fn wait<S>(
        &self,
        connection: &mut Connection<S, OutboundBody, Spawner>,
    ) -> hyper::Result<Option<usize>>
    where
        S: Read + Write + Unpin + Send + 'static,
    {
        let limit = poll_fn(|context| {
            // The waker first: SETTINGS that come between the two looks are then never missed.
            self.waker.register(context.waker());
            if let Poll::Ready(ended) = Pin::new(&mut *connection).poll(context) {
                return Poll::Ready(ended.map(|()| None));
            }
            match connection.current_max_send_streams() {
                0 => Poll::Pending,
                limit => Poll::Ready(Ok(Some(limit))),
            }
        });

        let limit = limit.await;
        self.is_over.store(true, Ordering::Release);
        limit
    }
}

/// Spawns the tasks of one connection.
#[derive(Clone)]
pub(super) struct Spawner {
    greeting: Arc<Greeting>,
}

impl Spawner {
    pub(super) fn new(greeting: Arc<Greeting>) -> Self {
        Self { greeting }
    }
}

impl<F> Executor<F> for Spawner
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, task: F) {
        if self.greeting.is_over.load(Ordering::Acquire) {
            tokio::spawn(task);
            return;
        }

        let greeting = self.greeting.clone();
        tokio::spawn(async move {
            let mut task = pin!(task);
            poll_fn(|context| {
                let polled = task.as_mut().poll(context);
                if !greeting.is_over.load(Ordering::Acquire) {
                    greeting.waker.wake();
                }
                polled
            })
            .await;
        });
    }
}
