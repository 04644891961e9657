//! LDAP through ldap3.
