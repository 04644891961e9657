//! The guide's commands (`tests/system/tour.rs`) in front of a SQL Server that holds the classic application.

use crate::guide::{Newcomer, ROW, SQL_SERVER};
use crate::support::database::Database;

/// From the draft to a person who comes, changes and goes.
pub fn crm(database: &Database) {
    let Database::SqlServer(server) = database else { panic!("no server") };
    let (newcomer, name) = (Newcomer::comes(), server.name());
    let words: Vec<String> = server.arguments().iter().map(|word| format!("'{word}'")).collect();
    let init = newcomer.guide.sqlserver.replace(SQL_SERVER, &words.join(" "));
    let init = init.replace("--out hr", &format!("--out {name}"));
    let looked = || {
        let found = database.rows(ROW);
        found.first().map(|row| row["LastName"].as_str().unwrap().to_owned())
    };
    newcomer.goes(&name, &init, &looked);
}
