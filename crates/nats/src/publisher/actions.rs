//! Actions that a project takes on request.

mod call;
mod handlers;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_nats::{Client, Message};
use federation_domain::{Clock, MeshNamespace};
use futures_util::StreamExt;
use futures_util::stream::select_all;
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::call::encode;
pub use self::call::{ActionCall, ActionRejections};
pub(super) use self::handlers::{Handler, Handlers};
use crate::actions::{
    ActionMessage, HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP, ProjectReply, RequestRejection,
    RequestVerifier, SignedRequest,
};
use crate::throttle::Throttle;

/// Maximum number of handlers that run at the same time.
const MAX_RUNNING: usize = 64;

/// Receives requests, checks them and runs the handlers.
pub(super) struct ActionService {
    client: Client,
    namespace: MeshNamespace,
    handlers: Handlers,
    verifier: RequestVerifier,
    clock: Arc<dyn Clock>,
    rejections: ActionRejections,
    throttle: Mutex<Throttle>,
    running: Arc<Semaphore>,
    tasks: TaskTracker,
}

impl ActionService {
    pub(super) fn new(
        client: Client,
        namespace: MeshNamespace,
        handlers: Handlers,
        verifier: RequestVerifier,
        clock: Arc<dyn Clock>,
        rejections: ActionRejections,
    ) -> Self {
        Self {
            client,
            namespace,
            handlers,
            verifier,
            clock,
            rejections,
            throttle: Mutex::default(),
            running: Arc::new(Semaphore::new(MAX_RUNNING)),
            tasks: TaskTracker::new(),
        }
    }

    /// Serves requests until cancelled. Handlers that still run are dropped.
    pub(super) async fn run(self, cancel: CancellationToken) {
        if self.handlers.is_empty() {
            return;
        }
        let mut subscriptions = Vec::new();
        for (subject, _) in self.handlers.iter() {
            let subject = format!("{}.{subject}", self.namespace);
            match self.client.subscribe(subject.clone()).await {
                Ok(subscription) => subscriptions.push(subscription),
                Err(error) => {
                    tracing::error!(subject, %error, "subscription to requests of an action fails");
                }
            }
        }
        let mut requests = select_all(subscriptions);
        let handlers_end = cancel.child_token();
        while let Some(Some(request)) = cancel.run_until_cancelled(requests.next()).await {
            self.receive(&request, &handlers_end);
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn receive(&self, message: &Message, end: &CancellationToken) {
        let found = match self.check(message) {
            Ok(found) => found,
            Err(rejection) => return self.reject(message, rejection),
        };
        let (call, handler) = found;
        let Some(reply) = message.reply.clone() else { return };
        let client = self.client.clone();
        let Ok(permit) = Arc::clone(&self.running).try_acquire_owned() else {
            let busy = ProjectReply::Failed { error: "too many actions are running" };
            self.tasks.spawn(async move {
                let _ = client.publish(reply, encode(&busy)).await;
            });
            return;
        };
        let call = ActionCall::new(call, client, reply);
        let work = handle(handler, call, permit);
        let end = end.clone();
        self.tasks.spawn(async move {
            end.run_until_cancelled(work).await;
        });
    }

    /// Checks a request. Returns the handler of its subject, which must be that of its action.
    fn check(&self, message: &Message) -> Result<(ActionMessage, Handler), RequestRejection> {
        let headers = message.headers.as_ref().ok_or(RequestRejection::Unsigned)?;
        let header = |name| headers.get(name).map(|value| value.as_str());
        let (Some(id), Some(timestamp), Some(signatures)) =
            (header(HEADER_ID), header(HEADER_TIMESTAMP), header(HEADER_SIGNATURE))
        else {
            return Err(RequestRejection::Unsigned);
        };
        let signed = SignedRequest {
            id,
            timestamp,
            subject: message.subject.as_str(),
            payload: &message.payload,
        };
        let call = self.verifier.verify(&signed, signatures, self.clock.utc())?;
        let subject = message.subject.strip_prefix(self.namespace.as_str());
        let subject = subject.and_then(|rest| rest.strip_prefix('.')).unwrap_or_default();
        let handler = self.handlers.find(subject, &call.action);
        Ok((call, handler.ok_or(RequestRejection::Malformed)?))
    }

    /// Ignores a request. It gets no reply, which could tell an attacker something.
    fn reject(&self, message: &Message, rejection: RequestRejection) {
        self.rejections.count(rejection);
        if let Some(suppressed) = self.throttle.lock().admit(self.clock.monotonic()) {
            tracing::warn!(
                subject = %message.subject,
                reason = rejection.as_str(),
                suppressed,
                "request of an action is rejected"
            );
        }
    }
}

/// Runs a handler until its deadline, and sends its replies.
async fn handle(handler: Handler, call: ActionCall, _permit: OwnedSemaphorePermit) {
    let replies = call.replies();
    replies.send(&ProjectReply::Accepted).await;
    let deadline = call.timeout();
    // A panic of the handler must not end the task that replies.
    let work = tokio::spawn(handler(call));
    let abort = work.abort_handle();
    let done = timeout(deadline, work).await;
    abort.abort();
    match done {
        Ok(Ok(Ok(result))) => replies.done(&result).await,
        Ok(Ok(Err(error))) => replies.send(&ProjectReply::Failed { error: &error }).await,
        Ok(Err(panicked)) => {
            tracing::error!(error = %panicked, "handler of an action failed");
            replies.send(&ProjectReply::Failed { error: "the handler failed" }).await;
        }
        Err(_) => {
            let late = ProjectReply::Failed { error: "the handler did not end in time" };
            replies.send(&late).await;
        }
    }
}

/// Result of a handler: JSON, or the reason why it failed.
pub type HandlerResult = Result<Value, String>;

/// Counter by reason.
#[derive(Debug, Default)]
struct Counts([AtomicU64; RequestRejection::ALL.len()]);

impl Counts {
    fn add(&self, rejection: RequestRejection) {
        self.0[rejection as usize].fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self, rejection: RequestRejection) -> u64 {
        self.0[rejection as usize].load(Ordering::Relaxed)
    }
}
