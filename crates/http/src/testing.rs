//! Shared test fixture: the whole application with an in-memory store.

pub(crate) mod schema;

use std::cell::RefCell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix_http::Request;
use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::Bytes;
use federation_application::{Deployment, LogSink, Ports, Series, SeriesSettings, Service, TICK};
use federation_domain::{
    Channel, Clock, Heartbeat, InstanceReport, LivenessRule, MockCatalogStore, Resolution,
    Snapshot, Source, StoreError, Stores,
};
use federation_testkit::{FakeMetricStore, FakeStore, ManualClock};
use futures_util::FutureExt as _;
use futures_util::future::LocalBoxFuture;

use crate::app::{app, document_json};
use crate::auth::access::Closed;
use crate::auth::authenticator::Auth;
use crate::auth::key::Key;
use crate::auth::keys::Keys;
use crate::state::ApiState;

/// A valid registration of the project `commandcenter`.
pub(crate) const REGISTRATION: &str = r#"{"slug":"commandcenter","name":"CommandCenter","hub_url":"http://localhost:8000","mesh_namespace":"hub.commandcenter","tags":["python","fastapi","rag"]}"#;

/// The API with access to its parts.
pub(crate) struct Api {
    pub(crate) service: Service,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) state: Served,
    pub(crate) store: Arc<FakeStore>,
    pub(crate) metric_store: Arc<FakeMetricStore>,
}

type App = Rc<dyn Fn(Request) -> LocalBoxFuture<'static, ServiceResponse>>;

/// The state of the API and the app over it, which is built on the first request after a change of the
/// state.
pub(crate) struct Served {
    state: ApiState,
    app: RefCell<Option<App>>,
}

impl Served {
    /// Answers a request up to the body.
    pub(crate) async fn answer(&self, request: TestRequest) -> ServiceResponse {
        let built = self.app.borrow().clone();
        let app = match built {
            Some(app) => app,
            None => {
                let app = self.build().await;
                Rc::clone(self.app.borrow_mut().insert(app))
            }
        };
        app(request.to_request()).await
    }

    async fn build(&self) -> App {
        let document = document_json(&self.state);
        let app = Rc::new(init_service(app(self.state.clone(), document)).await);
        Rc::new(move |request| {
            let app = Rc::clone(&app);
            async move { call_service(&*app, request).await.map_into_boxed_body() }.boxed_local()
        })
    }
}

impl From<ApiState> for Served {
    fn from(state: ApiState) -> Self {
        Self { state, app: RefCell::default() }
    }
}

impl Deref for Served {
    type Target = ApiState;

    fn deref(&self) -> &ApiState {
        &self.state
    }
}

impl DerefMut for Served {
    fn deref_mut(&mut self) -> &mut ApiState {
        self.app.take();
        &mut self.state
    }
}

/// A response that was read completely.
pub(crate) struct TestResponse {
    pub(crate) status: u16,
    headers: HeaderMap,
    pub(crate) body: String,
    /// The raw body.
    pub(crate) bytes: Bytes,
}

impl Api {
    /// Returns an API with an empty catalog.
    pub(crate) async fn new() -> Self {
        let api = Self::not_loaded();
        api.service.load().await.unwrap();
        api.service.readiness.start();
        api.series().restore().await.unwrap();
        api
    }

    /// Returns an API that requires one of these keys.
    pub(crate) async fn guarded(keys: Vec<Key>, closed: Closed) -> Self {
        Self::guarded_by(Arc::new(Keys::new(keys)), closed).await
    }

    /// Returns an API that requires one of these keys, which the test can replace.
    pub(crate) async fn guarded_by(keys: Arc<Keys>, closed: Closed) -> Self {
        let api = Self::new().await;
        let auth = Auth::new(keys, closed, api.clock.clone());
        Self { state: api.state.clone().guarded_by(Arc::new(auth)).into(), ..api }
    }

    /// Returns an API whose catalog is not loaded.
    pub(crate) fn not_loaded() -> Self {
        let store = Arc::new(FakeStore::default());
        Self::over(Stores::of(Arc::<FakeStore>::clone(&store)), store, false)
    }

    /// Returns an API whose bus and store were never available.
    pub(crate) fn without_anything() -> Self {
        let store = Arc::new(FakeStore::default());
        store.set_available(false);
        Self::over(Stores::of(Arc::<FakeStore>::clone(&store)), store, true)
    }

    /// Returns an API whose store became unavailable after the catalog was loaded.
    pub(crate) async fn without_store() -> Self {
        let api = Self::new().await;
        api.lose_store();
        api
    }

    /// Returns an API whose store fails every write.
    pub(crate) async fn with_failing_store() -> Self {
        fn failed() -> StoreError {
            StoreError::Failed("relation \"projects\" does not exist".into())
        }
        let mut store = MockCatalogStore::new();
        store.expect_load().returning(|| Ok(Snapshot::default()));
        store.expect_register().returning(|_, _, _| Err(failed()));
        store.expect_remove().returning(|_, _, _, _| Err(failed()));
        let fake = Arc::<FakeStore>::default();
        let working = Stores::of(Arc::<FakeStore>::clone(&fake));
        let stores = Stores { catalog: Arc::new(store), ..working };
        let api = Self::over(stores, fake, false);
        api.service.load().await.unwrap();
        api
    }

    fn over(stores: Stores, store: Arc<FakeStore>, with_bus: bool) -> Self {
        let clock = Arc::new(ManualClock::default());
        let ports = Ports {
            stores,
            sink: Arc::new(LogSink),
            clock: Arc::<ManualClock>::clone(&clock),
            relay: None,
            prober: None,
        };
        let deployment = Deployment { bus: with_bus, shared_store: false };
        let service = Service::new(ports, LivenessRule::default(), deployment);
        let metric_store = Arc::<FakeMetricStore>::default();
        let settings = SeriesSettings {
            resolution: Resolution::default(),
            retention: Duration::from_secs(30 * 86_400),
        };
        let series_clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
        let series_store = Arc::<FakeMetricStore>::clone(&metric_store);
        let series = Series::new(&service, series_store, series_clock, settings, None);
        let state = ApiState::from(&service).with_series(Some(series)).into();
        Self { service, clock, state, store, metric_store }
    }

    /// Records a heartbeat from the bus.
    pub(crate) fn hear_over_bus(&self, slug: &str) {
        let (source, channel) = (Source::Nats, Channel::Presence);
        let heartbeat = Heartbeat {
            slug,
            source,
            channel,
            condition: None,
            key: None,
            instance: InstanceReport::default(),
        };
        let presence = &self.service.presence;
        presence.recorder().batch(presence.now()).record(&heartbeat).unwrap();
    }

    /// Returns the metrics that projects report.
    pub(crate) fn series(&self) -> &Series {
        self.state.series.as_ref().unwrap()
    }

    /// Makes the store unavailable.
    pub(crate) fn lose_store(&self) {
        self.store.set_available(false);
    }

    /// Advances the clock while HTTP proves at each tick that it receives heartbeats. Then writes a
    /// checkpoint.
    pub(crate) async fn listen(&self, time: Duration) {
        self.service.tick();
        let mut left = time;
        while !left.is_zero() {
            let step = left.min(TICK);
            self.clock.advance(step);
            self.service.tick();
            left -= step;
        }
        self.service.writer().checkpoint().await.unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> TestResponse {
        self.call(TestRequest::get().uri(path)).await
    }

    /// Sends a JSON body, or none if it is empty.
    pub(crate) async fn post(&self, path: &str, body: impl Into<Bytes>) -> TestResponse {
        let body = body.into();
        let mut request = TestRequest::post().uri(path);
        if !body.is_empty() {
            request = request.insert_header((CONTENT_TYPE, "application/json"));
        }
        self.call(request.set_payload(body)).await
    }

    pub(crate) async fn send(&self, method: Method, path: &str) -> TestResponse {
        self.call(TestRequest::default().method(method).uri(path)).await
    }

    /// Sends a JSON body with these headers.
    pub(crate) async fn write(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> TestResponse {
        let mut request = TestRequest::default().method(method).uri(path).set_payload(body);
        for header in headers {
            request = request.append_header(*header);
        }
        self.call(request).await
    }

    pub(crate) async fn call(&self, request: TestRequest) -> TestResponse {
        let response = self.state.answer(request).await;
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let bytes = read_body(response).await;
        let body = String::from_utf8_lossy(&bytes).into_owned();
        TestResponse { status, headers, body, bytes }
    }

    /// Registers the project `commandcenter` under another slug.
    pub(crate) async fn register(&self, slug: &str) {
        let body = REGISTRATION.replacen("commandcenter", slug, 1);
        let answer = self.post("/api/fed/projects", body).await;
        assert_eq!(answer.status, 201, "{answer}");
    }
}

impl TestResponse {
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        self.headers.get_all(name).filter_map(|value| value.to_str().ok()).collect()
    }

    /// Returns the entity tag.
    #[track_caller]
    pub(crate) fn tag(&self) -> String {
        self.header("etag").unwrap_or_else(|| panic!("no ETag: {self}")).to_owned()
    }

    /// Returns the project in the body without the key figures that only a read has.
    pub(crate) fn project(&self) -> &str {
        let end = self.body.find(",\"version\":").unwrap_or(self.body.len().saturating_sub(1));
        &self.body[..end]
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Formats the status, the relevant headers and the body.
impl fmt::Display for TestResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for name in ["content-type", "allow", "location", "retry-after", "link", "www-authenticate"]
        {
            for value in self.headers(name) {
                writeln!(f, "{name}: {value}")?;
            }
        }
        f.write_str(&self.body)
    }
}
