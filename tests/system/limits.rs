//! Directories that give only so many entries at a time: totals stay true.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::support::directory::{Directory, SUFFIX};
use crate::support::gateway::Gateway;

const PEOPLE: usize = 2_300;

#[test]
fn everybody_is_listed_whatever_the_server_gives_at_a_time() {
    let mut ldif = String::new();
    for number in 0..PEOPLE {
        let dn = format!("uid=p{number},ou=people,{SUFFIX}");
        write!(ldif, "\ndn: {dn}\nobjectClass: inetOrgPerson\nuid: p{number}\ncn: p\nsn: p\n").unwrap();
    }
    for limits in [
        "size=unlimited",
        // Pages of any size.
        "size.soft=500 size.hard=500 size.pr=unlimited size.prtotal=unlimited",
        // Larger pages than 400 are refused.
        "size.soft=500 size.hard=500 size.pr=400 size.prtotal=unlimited",
    ] {
        lists_everybody(&Directory::tuned(&ldif, limits, ""), "openldap", limits);
    }
    // 500 at a time, pages of any size.
    lists_everybody(&Directory::ds389_holding(&ldif, ""), "389ds", "nsslapd-sizelimit: 500");
}

fn lists_everybody(directory: &Directory, mapping: &str, limits: &str) {
    let gateway = Gateway::serve(&[directory.target("corp", mapping)]);
    let scim = gateway.target("corp");
    let mut ids = BTreeSet::new();
    for start in (1..=PEOPLE).step_by(200) {
        let list = scim.get(&format!("/Users?startIndex={start}&count=200")).is(200);
        assert_eq!(list["totalResults"], PEOPLE, "{limits}");
        let resources = list["Resources"].as_array().unwrap();
        ids.extend(resources.iter().map(|person| person["id"].as_str().unwrap().to_owned()));
    }
    assert_eq!(ids.len(), PEOPLE, "{limits}");
}
