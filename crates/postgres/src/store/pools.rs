//! Pools of connections.

use std::time::Duration;

use deadpool::Runtime;
use diesel::QueryResult;
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::pooled_connection::{
    AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod,
};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::address::{Address, ConnectError};
use crate::connection::{CONNECT_TIMEOUT, open_session};

/// Creates a pool, which opens connections on first use.
pub(super) fn pool_of(
    address: &Address,
    size: usize,
    wait: Duration,
) -> Result<Pool<AsyncPgConnection>, ConnectError> {
    let mut manager = ManagerConfig::default();
    if address.is_pooled {
        // The default check prepares a statement.
        manager.recycling_method = RecyclingMethod::CustomFunction(Box::new(check_unprepared));
    }
    let address = address.clone();
    manager.custom_setup = Box::new(move |_| {
        let address = address.clone();
        async move { open_session(&address).await }.boxed()
    });
    let manager = AsyncDieselConnectionManager::new_with_config(String::new(), manager);
    Pool::builder(manager)
        .max_size(size)
        .wait_timeout(Some(wait))
        .create_timeout(Some(CONNECT_TIMEOUT))
        .recycle_timeout(Some(CONNECT_TIMEOUT))
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| ConnectError::Pool(error.into()))
}

/// Checks a connection of the pool with a statement that is not prepared.
fn check_unprepared(connection: &mut AsyncPgConnection) -> BoxFuture<'_, QueryResult<()>> {
    connection.batch_execute("SELECT 1").boxed()
}
