//! A store that rejects some writes, refuses all of them, or hangs.

use std::time::Duration;

use federation_testkit::{PostgresServer, TestDatabase};

use super::process::{COMMANDCENTER, Service, folder, now, registration, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_the_database_rejects_holds_up_no_other() {
    let (folder, database) = (folder(COMMANDCENTER), TestDatabase::create().await);
    let service = Service::ready(folder.path(), &[("DATABASE_URL", &database.url())]);
    database
        .execute(
            "ALTER TABLE projects ADD CONSTRAINT never CHECK
                 (slug <> 'rejected' AND (slug <> 'commandcenter' OR status = 'offline'))",
        )
        .await;
    assert_eq!(service.register("rejected"), 422);
    assert_eq!(service.register("good"), 201);
    assert_eq!(service.beat("commandcenter"), 204);
    assert_eq!(service.beat("good"), 204);
    service.until_nothing_waits();
    let rejected = "federation_store_writes_rejected_total{write=\"status_change\"}";
    assert!(service.metric(rejected) >= 1.0);
    service.until_logged("store rejects a write for good");
    assert_eq!(service.get("/readyz").0, 200);
    assert_eq!(service.status("commandcenter"), "online", "queries show what was heard");
    service.kill();
    database.execute("ALTER TABLE projects DROP CONSTRAINT never").await;
    let service = Service::ready(folder.path(), &[("DATABASE_URL", &database.url())]);
    assert_eq!(service.status("good"), "online", "the change was stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_database_is_read_only_is_not_ready_and_recovers_by_itself() {
    let (folder, database) = (folder(COMMANDCENTER), TestDatabase::create().await);
    let service = Service::ready(folder.path(), &[("DATABASE_URL", &database.url())]);
    let name = database.name();
    let alter = format!("ALTER DATABASE {name} SET default_transaction_read_only = on");
    database.execute(&alter).await;
    database.renew_sessions().await;
    let reason = "the store refuses every write: the database is read-only";
    let (_, took) = until("the service is not ready", || {
        let (status, body) = service.get("/readyz");
        (status == 503 && body.to_string().contains(reason)).then_some(())
    });
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!(service.register("late"), 503);
    assert_eq!(service.beat("commandcenter"), 204);
    assert_eq!(service.status("commandcenter"), "online");
    let reset = format!(
        "BEGIN READ WRITE; ALTER DATABASE {name} RESET default_transaction_read_only; COMMIT"
    );
    database.execute(&reset).await;
    database.renew_sessions().await;
    until("the service is ready", || (service.get("/readyz").0 == 200).then_some(()));
    service.until_nothing_waits();
    assert_eq!(service.register("late"), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_refused_while_the_store_hangs_are_not_applied_later() {
    let folder = folder(COMMANDCENTER);
    let postgres = PostgresServer::start().await;
    let service = Service::ready(folder.path(), &[("DATABASE_URL", &postgres.url())]);
    postgres.pause();
    let begun = now();
    std::thread::scope(|scope| {
        for number in 0..20 {
            let (agent, url) = (service.agent(), service.url("/api/fed/projects"));
            scope.spawn(move || {
                let body = registration(&format!("w-{number}"));
                assert_eq!(agent.post(url).send_json(body).unwrap().status().as_u16(), 503);
            });
        }
    });
    assert!(begun.elapsed() < Duration::from_secs(17), "{:?}", begun.elapsed());
    postgres.resume();
    until("the service is ready", || (service.get("/readyz").0 == 200).then_some(()));
    until("writes succeed again", || (service.register("late") == 201).then_some(()));
    let applied = (0..20)
        .filter(|number| service.get(&format!("/api/fed/projects/w-{number}")).0 == 200)
        .count();
    assert!(applied <= 1, "only the write that had reached the store: {applied}");
}
