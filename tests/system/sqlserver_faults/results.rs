//! What a procedure returns in result sets, which later steps and the new id are made of (`tests/mappings/results`): what
//! is none of it is passed over, what is not as the mapping says ends the request, and nothing of it stays.

use std::sync::{Arc, Mutex};

use serde_json::json;

use super::{Scene, count, folder, is_user, keys};
use crate::support::eventually;
use crate::support::scim::Answer as Told;
use crate::support::tds::answer::{Answer, Outcome};
use crate::support::tds::application;
use crate::support::tds::request::{Ask, Request};
use crate::support::tds::value::{Type, Value};
use crate::support::tds::{Encryption, Endpoint, certified};

/// A server whose procedures return this.
struct Returning {
    scene: Scene,
    returned: Arc<Mutex<Vec<Outcome>>>,
}

/// A result set with one row for each of these, or with NULL.
fn set(columns: &[&str], rows: &[&[Option<i64>]]) -> Outcome {
    let value = |number: &Option<i64>| number.map_or(Value::Null, Value::Int);
    Outcome::Rows(
        columns.iter().map(|name| ((*name).to_owned(), Type::Int(8))).collect(),
        rows.iter().map(|row| row.iter().map(value).collect()).collect(),
    )
}

/// The row that ends a batch, with what its OUTPUT parameters hold.
fn ending(text: &str) -> Outcome {
    let numbers = [("gantry_step", -1), ("rows", 0), ("depth", 1), ("changed", 0)];
    let (mut columns, mut values): (Vec<_>, Vec<_>) = numbers
        .map(|(name, number)| ((name.to_owned(), Type::Int(4)), Value::Int(number)))
        .into_iter()
        .unzip();
    if text.contains("AS [usp_PersonAdd.state#1]") {
        columns.push(("usp_PersonAdd.state#1".to_owned(), Type::NVarChar(4_000)));
        values.push(Value::Text("new".to_owned()));
    }
    Outcome::Rows(columns, vec![values])
}

fn answer(request: &Request, returned: &[Outcome]) -> Answer {
    let Some(text) = request.text().filter(|_| application::writes(request)) else {
        return application::answer(request);
    };
    let own = match () {
        () if text.contains("EXEC [usp_PersonAdd]") => returned.to_vec(),
        () if text.contains("EXEC [dbo].[usp_JournalAdd]") => vec![set(&["line"], &[&[Some(501)]])],
        () => Vec::new(),
    };
    request.answer(own.into_iter().chain([ending(text)]))
}

// === impl Returning ===

impl Returning {
    fn new() -> Self {
        let folder = folder();
        let returned: Arc<Mutex<Vec<Outcome>>> = Arc::default();
        let procedures = returned.clone();
        let endpoint = Endpoint::start(Encryption::All(certified(folder.path(), "server")), move |request| {
            answer(request, &procedures.lock().unwrap())
        });
        let keys = keys(&folder);
        let scene = Scene { _folder: Some(folder), ..Scene::of("results", endpoint, &keys) };
        Self { scene, returned }
    }

    /// A creation whose procedure returns these, and what was asked meanwhile.
    fn creates(&self, returned: Vec<Outcome>) -> (Told, Vec<Request>) {
        *self.returned.lock().unwrap() = returned;
        self.scene.endpoint.taken();
        let told = self.scene.scim.post("/Users", &json!({ "userName": "user-7", "displayName": "Ada" }));
        (told, self.scene.endpoint.taken())
    }
}

#[test]
fn a_row_among_noise_gives_the_id_and_what_later_steps_take() {
    let mut server = Returning::new();
    let noise = || [Outcome::Changed(3), set(&["Msg"], &[]), set(&["Badge"], &[&[Some(1)], &[Some(2)]])];
    let row = |columns: &[&str]| set(columns, &[&[Some(70), Some(7)]]);
    let behind = || [set(&["NewId", "Badge"], &[&[Some(9), Some(9)]]), Outcome::Changed(1)];
    for columns in [["Badge", "NewId"], ["badge", "NEWID"]] {
        let (told, asked) =
            server.creates(noise().into_iter().chain([row(&columns)]).chain(behind()).collect());
        is_user(&told.is(201), 7);
        assert_eq!(count(&asked, |ask| *ask == Ask::Commit), 1);
        let with =
            |text: &str| asked.iter().find(|one| one.text().is_some_and(|all| all.contains(text))).unwrap();
        let journal = with("EXEC [dbo].[usp_JournalAdd] @badge = @P1, @person = @P2, @what = @P3");
        let values = [Value::Int(70), Value::Int(7), Value::Text("new".to_owned())];
        assert_eq!([1, 2, 3].map(|at| journal.parameter(at).cloned().unwrap()), values);
        let update = with("UPDATE Staff SET CameLine = @P1 WHERE StaffNo = @P2");
        assert_eq!([1, 2].map(|at| update.parameter(at).cloned().unwrap()), [Value::Int(501), Value::Int(7)]);
    }
    // NULL is handed on where it is no key.
    let (told, asked) = server.creates(vec![set(&["Badge", "NewId"], &[&[None, Some(7)]])]);
    is_user(&told.is(201), 7);
    let journal =
        asked.iter().find(|one| one.text().is_some_and(|text| text.contains("usp_JournalAdd"))).unwrap();
    assert_eq!(journal.parameter(1), Some(&Value::Null));
    server.scene.is_sound();
}

#[test]
fn what_is_not_as_the_mapping_says_ends_the_request() {
    let mut server = Returning::new();
    let columns = ["NewId", "Badge"];
    let one: &[&[Option<i64>]] = &[&[Some(7), Some(1)]];
    let two: &[&[Option<i64>]] = &[&[Some(7), Some(1)], &[Some(8), Some(1)]];
    for (returned, says) in [
        (vec![], "it returned no result set"),
        (vec![set(&columns, &[])], "it returned 0 rows where one is expected"),
        (vec![set(&columns, &[]), set(&columns, one)], "it returned 0 rows where one is expected"),
        (vec![set(&columns, two)], "it returned 2 rows where one is expected"),
        (vec![set(&["NewId", "Name"], one)], "no result set has the columns"),
        (
            vec![set(&["NewId"], &[&[Some(7)]]), set(&["Badge"], &[&[Some(1)]])],
            "no result set has the columns",
        ),
        (vec![set(&columns, &[&[None, Some(1)]])], "is NULL, and the new resource's id is made of it"),
    ] {
        let (told, asked) = server.creates(returned);
        told.is_error(500, "");
        assert_eq!(count(&asked, |ask| *ask == Ask::Commit), 0, "{says}: {asked:#?}");
        eventually(says, || server.scene.gateway.count(says) > 0);
        // The answer was read to its end: the connection serves the next one.
        is_user(&server.scene.scim.get("/Users/8").is(200), 8);
    }
    // An error behind the row, of the application's own and of the server's.
    for (number, status, scim_type) in
        [(50_007, 400, "mutability"), (2627, 409, "uniqueness"), (208, 500, "")]
    {
        let error = Outcome::error(number, 16, "behind the row");
        let (told, asked) = server.creates(vec![set(&columns, one), error]);
        told.is_error(status, scim_type);
        assert_eq!(count(&asked, |ask| *ask == Ask::Commit), 0, "{number}");
        is_user(&server.scene.scim.get("/Users/8").is(200), 8);
    }
    let (told, _) = server.creates(vec![set(&columns, one)]);
    is_user(&told.is(201), 7);
    assert!(server.scene.endpoint.connections() <= 2, "{}", server.scene.endpoint.connections());
    server.scene.is_sound();
}
