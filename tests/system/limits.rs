//! Directories that give only so many entries at a time: totals stay true.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::support::directory::{Directory, SUFFIX};
use crate::support::gateway::Gateway;
use crate::support::samba::{DOMAIN, Samba};

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
        lists_everybody(&Directory::tuned(&ldif, limits, "").target("corp", "openldap"), limits);
    }
    // 500 at a time, pages of any size.
    let ds389 = Directory::ds389_holding(&ldif, "");
    lists_everybody(&ds389.target("corp", "389ds"), "nsslapd-sizelimit: 500");
    // A thousand at a time.
    let person = |number| {
        format!("dn: cn=p{number},ou=people,{DOMAIN}\nobjectClass: user\nsAMAccountName: p{number}\n\n")
    };
    let samba = Samba::holding(&(0..PEOPLE).map(person).collect::<String>());
    lists_everybody(&samba.target("corp", "active-directory", ""), "MaxPageSize=1000");
}

fn lists_everybody(target: &str, limits: &str) {
    let gateway = Gateway::serve(&[target.to_owned()]);
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
