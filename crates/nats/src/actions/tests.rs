use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, Subscriber};
use federation_application::SystemClock;
use federation_domain::{
    ActionOrderDraft, ActionReply, ActionRequest, ActionResult, ActionTransport, Clock, HubUrl,
    MeshNamespace, ReplySink, RunId, Slug,
};
use federation_testkit::NatsServer;
use futures_util::StreamExt;
use serde_json::json;
use time::OffsetDateTime;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::connection::NatsContext;
use crate::{ActionRejections, HeartbeatPublisher, NatsSettings, PublisherSettings};

const MASTER: &str = "0123456789abcdef0123456789abcdef";

/// Longer than any wait of these tests takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

/// Passes replies on to a test.
struct Replies(mpsc::UnboundedSender<(u64, ActionReply)>);

impl ReplySink for Replies {
    fn take(&self, ticket: u64, reply: ActionReply) {
        let _ = self.0.send((ticket, reply));
    }
}

struct World {
    server: NatsServer,
    actions: NatsActions,
    sink: Arc<dyn ReplySink>,
    replies: mpsc::UnboundedReceiver<(u64, ActionReply)>,
    clock: Arc<dyn Clock>,
    cancel: CancellationToken,
}

impl World {
    async fn new() -> Self {
        let server = NatsServer::start().await;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
        let context = NatsContext::new(NatsSettings::new(server.url()), Arc::clone(&clock));
        let keys = MasterKeys::parse(MASTER).unwrap();
        let actions = NatsActions::connect(&context, keys).await.unwrap();
        let cancel = CancellationToken::new();
        tokio::spawn(actions.clone().run(cancel.clone()));
        let (sender, replies) = mpsc::unbounded_channel();
        let world =
            Self { server, actions, sink: Arc::new(Replies(sender)), replies, clock, cancel };
        world.connected().await;
        world
    }

    async fn connected(&self) -> u64 {
        let connected = async {
            loop {
                if let Some(number) = self.actions.connection() {
                    return number;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(DEADLINE, connected).await.expect("timed out waiting for a connection")
    }

    fn send(&self, project: &str, ticket: u64) {
        assert!(self.actions.send(&self.request(project), ticket, &self.sink));
    }

    fn request(&self, project: &str) -> ActionRequest {
        let project = slug(project);
        let order = ActionOrderDraft {
            action: "audit.security".to_owned(),
            params: Some(r#"{"a":"$(rm -rf /)"}"#.to_owned()),
            timeout: Some("10s".to_owned()),
            ..ActionOrderDraft::default()
        };
        ActionRequest {
            run: RunId::parse(&"a".repeat(32)).unwrap(),
            namespace: MeshNamespace::of(&project),
            project,
            subject: "audit.requested.security".into(),
            order: Arc::new(order.parse().unwrap()),
            at: self.clock.utc(),
        }
    }

    async fn reply(&mut self) -> (u64, ActionReply) {
        let reply = timeout(DEADLINE, self.replies.recv()).await;
        reply.expect("timed out waiting for a reply").unwrap()
    }

    async fn client(&self) -> Client {
        async_nats::connect(self.server.url()).await.unwrap()
    }

    /// Subscribes to the requests of a project and waits until the server has processed that.
    async fn listen(&self, client: &Client, subject: &str) -> Subscriber {
        let requests = client.subscribe(subject.to_owned()).await.unwrap();
        client.flush().await.unwrap();
        let mut echo = client.subscribe("echo").await.unwrap();
        client.publish("echo", "".into()).await.unwrap();
        echo.next().await.unwrap();
        requests
    }

    /// Starts a project that takes the action and returns its parameters, and waits until it listens.
    async fn project(&self, project: &str, keys: &str) -> ActionRejections {
        let slug = slug(project);
        let hub_url = HubUrl::parse("http://localhost:8000").unwrap();
        let nats = NatsSettings::new(self.server.url());
        let settings = PublisherSettings {
            action_keys: ActionKeys::parse(keys, &slug).unwrap(),
            ..PublisherSettings::new(slug, hub_url, nats)
        };
        let mut publisher = HeartbeatPublisher::connect(settings).await.unwrap();
        publisher
            .on_action("audit.security", async |call| {
                call.report_progress(40.0).await;
                match call.params().get("fail") {
                    Some(_) => Err("told to".to_owned()),
                    None => Ok(call.params().clone()),
                }
            })
            .unwrap();
        let rejections = publisher.action_rejections();
        tokio::spawn(publisher.run(self.cancel.clone()));
        let client = self.client().await;
        let subject = format!("hub.{project}.audit.requested.security");
        let listens = async {
            // An unsigned request is rejected and counted.
            while rejections.of(RequestRejection::Unsigned) == 0 {
                client.publish(subject.clone(), "".into()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(DEADLINE, listens).await.expect("timed out waiting for the project to listen");
        rejections
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

async fn next(requests: &mut Subscriber) -> async_nats::Message {
    let request = timeout(DEADLINE, requests.next()).await;
    request.expect("timed out waiting for a request").unwrap()
}

/// Waits until a request was rejected for this reason.
async fn rejected(rejections: &ActionRejections, reason: RequestRejection, count: u64) {
    let counted = async {
        while rejections.of(reason) < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, counted).await.expect("timed out waiting for a rejection");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_takes_a_signed_request_and_replies() {
    let mut world = World::new().await;
    world.project("docs", MASTER).await;
    world.send("docs", 7);
    assert_eq!(world.reply().await, (7, ActionReply::Accepted));
    assert!(matches!(world.reply().await, (7, ActionReply::Progress(_))));
    let result = ActionResult::from_json(&json!({"a": "$(rm -rf /)"}).to_string());
    assert_eq!(world.reply().await, (7, ActionReply::Done(result)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_the_headers_and_the_body_of_the_documentation() {
    let world = World::new().await;
    let client = world.client().await;
    let mut requests = world.listen(&client, "hub.docs.audit.requested.security").await;
    world.send("docs", 1);
    let request = next(&mut requests).await;
    let headers = request.headers.unwrap();
    assert_eq!(headers.get(HEADER_ID).unwrap().as_str(), "a".repeat(32));
    let keys = MasterKeys::parse(MASTER).unwrap().of_project(&slug("docs"));
    let signed = SignedRequest {
        id: headers.get(HEADER_ID).unwrap().as_str(),
        timestamp: headers.get(HEADER_TIMESTAMP).unwrap().as_str(),
        subject: request.subject.as_str(),
        payload: &request.payload,
    };
    assert!(signed.is_signed(headers.get(HEADER_SIGNATURE).unwrap().as_str(), &keys));
    let body: serde_json::Value = serde_json::from_slice(&request.payload).unwrap();
    assert_eq!(
        body,
        json!({
            "id": "a".repeat(32), "action": "audit.security", "project": "docs",
            "params": {"a": "$(rm -rf /)"}, "timeout_ms": 10_000
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_does_not_listen_ends_at_once() {
    let mut world = World::new().await;
    world.send("ghost", 1);
    assert_eq!(world.reply().await, (1, ActionReply::NoResponders));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_to_another_address_or_a_closed_one_is_ignored() {
    let mut world = World::new().await;
    let client = world.client().await;
    let mut of_a = world.listen(&client, "hub.a.>").await;
    let mut of_b = world.listen(&client, "hub.b.>").await;
    world.send("a", 1);
    world.send("b", 2);
    let (to_a, to_b) = (next(&mut of_a).await, next(&mut of_b).await);
    let (to_a, to_b) = (to_a.reply.unwrap(), to_b.reply.unwrap());
    assert_ne!(to_a, to_b);
    // The project b knows only its own address, whatever it writes into the payload.
    let (prefix, _) = to_b.rsplit_once('.').unwrap();
    for guess in ["1", "*", &"0".repeat(32)] {
        if guess != "*" {
            client.publish(format!("{prefix}.{guess}"), "forged".into()).await.unwrap();
        }
    }
    world.actions.close(&[1]);
    client.publish(to_a, "late".into()).await.unwrap();
    client.publish(to_b, r#"{"project":"a","status":"done"}"#.into()).await.unwrap();
    assert_eq!(world.reply().await, (2, ActionReply::Done(ActionResult::None)));
    assert_eq!(world.actions.unknown_replies(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_connection_has_another_number() {
    let mut world = World::new().await;
    let before = world.connected().await;
    assert_eq!(world.connected().await, before);
    world.server.restart().await;
    let cut = async {
        while world.connected().await == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(DEADLINE, cut).await.expect("timed out waiting for another connection");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_request_is_rejected_without_a_reply() {
    let mut world = World::new().await;
    let rejections = world.project("docs", MASTER).await;
    let client = world.client().await;
    let mut spied = world.listen(&client, "hub.veria.audit.requested.security").await;
    // Veria knows its own key and a request to it, and turns it into one to docs.
    world.send("veria", 1);
    let stolen = next(&mut spied).await;
    let target = "hub.docs.audit.requested.security";
    let reply = client.new_inbox();
    let mut replies = client.subscribe(reply.clone()).await.unwrap();
    let publish = async |payload: bytes::Bytes| {
        let headers = stolen.headers.clone().unwrap();
        client
            .publish_with_reply_and_headers(target, reply.clone(), headers, payload)
            .await
            .unwrap();
    };
    publish(stolen.payload.clone()).await;
    publish(r#"{"id":"a"}"#.into()).await;
    rejected(&rejections, RequestRejection::BadSignature, 2).await;
    world.send("docs", 2);
    assert_eq!(world.reply().await, (2, ActionReply::Accepted));
    assert!(futures_util::poll!(replies.next()).is_pending());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_request_is_rejected() {
    let mut world = World::new().await;
    let rejections = world.project("docs", MASTER).await;
    let client = world.client().await;
    let mut spied = world.listen(&client, "hub.docs.audit.requested.security").await;
    world.send("docs", 1);
    let heard = next(&mut spied).await;
    while !matches!(world.reply().await.1, ActionReply::Done(_)) {}
    let headers = heard.headers.unwrap();
    client
        .publish_with_reply_and_headers(heard.subject, "x", headers, heard.payload)
        .await
        .unwrap();
    rejected(&rejections, RequestRejection::Replayed, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_keys_are_valid_during_a_rotation() {
    let mut world = World::new().await;
    let other = MASTER.to_uppercase();
    let old = MasterKeys::parse(MASTER).unwrap().of_project(&slug("docs")).texts().remove(0);
    world.project("docs", &format!("{other},{old}")).await;
    world.send("docs", 1);
    assert_eq!(world.reply().await, (1, ActionReply::Accepted));
}

mod verification {
    use super::*;

    const SUBJECT: &str = "hub.docs.audit.requested.security";
    const PAYLOAD: &[u8] =
        br#"{"id":"r","action":"audit.security","project":"docs","params":{},"timeout_ms":1000}"#;

    fn verifier(keys: &str) -> RequestVerifier {
        RequestVerifier::new(slug("docs"), ActionKeys::parse(keys, &slug("docs")).unwrap())
    }

    fn request(timestamp: &'static str) -> SignedRequest<'static> {
        SignedRequest { id: "r", timestamp, subject: SUBJECT, payload: PAYLOAD }
    }

    fn signed(request: &SignedRequest<'_>) -> String {
        request.sign(&MasterKeys::parse(MASTER).unwrap().of_project(&slug("docs")))
    }

    fn check(request: &SignedRequest<'_>, now: i64) -> Result<(), RequestRejection> {
        let now = OffsetDateTime::from_unix_timestamp(now).unwrap();
        verifier(MASTER).verify(request, &signed(request), now).map(drop)
    }

    #[test]
    fn a_request_is_valid_for_five_minutes_before_and_after_its_time() {
        let request = request("1000000");
        for (now, expected) in [
            (1_000, Ok(())),
            (1_300, Ok(())),
            (700, Ok(())),
            (1_301, Err(RequestRejection::BadTime)),
            (699, Err(RequestRejection::BadTime)),
        ] {
            assert_eq!(check(&request, now), expected, "{now}");
        }
    }

    #[test]
    fn a_time_that_is_no_number_is_rejected() {
        for timestamp in ["", "now", "1e3", "99999999999999999999999999999999999999"] {
            assert_eq!(check(&request(timestamp), 1_000), Err(RequestRejection::BadTime));
        }
    }

    #[test]
    fn a_request_is_accepted_once() {
        let (verifier, request) = (verifier(MASTER), request("1000000"));
        let signatures = signed(&request);
        let check = |now| {
            let now = OffsetDateTime::from_unix_timestamp(now).unwrap();
            verifier.verify(&request, &signatures, now).map(drop)
        };
        assert_eq!(check(1_000), Ok(()));
        assert_eq!(check(1_001), Err(RequestRejection::Replayed));
        assert_eq!(check(1_300), Err(RequestRejection::Replayed));
    }

    #[test]
    fn every_part_is_signed() {
        let original = request("1000000");
        let signatures = signed(&original);
        let now = OffsetDateTime::from_unix_timestamp(1_000).unwrap();
        let changed = [
            SignedRequest { id: "s", ..original },
            SignedRequest { timestamp: "1000001", ..original },
            SignedRequest { subject: "hub.docs.other", ..original },
            SignedRequest { payload: b"{}", ..original },
        ];
        for request in changed {
            let checked = verifier(MASTER).verify(&request, &signatures, now).map(drop);
            assert_eq!(checked, Err(RequestRejection::BadSignature));
        }
        let other = verifier(&MASTER.to_uppercase());
        assert!(other.verify(&original, &signatures, now).is_err());
        let id = signatures.split_once('=').unwrap().0;
        for forged in ["", "x", &format!("{id}="), &format!("{id}={}", "0".repeat(64))] {
            assert!(verifier(MASTER).verify(&original, forged, now).is_err());
        }
    }

    #[test]
    fn a_signed_request_about_another_project_is_rejected() {
        let payload =
            br#"{"id":"r","action":"audit.security","project":"b","params":{},"timeout_ms":1}"#;
        let request = SignedRequest { payload, ..request("1000000") };
        assert_eq!(check(&request, 1_000), Err(RequestRejection::Malformed));
    }
}
