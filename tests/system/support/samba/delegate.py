"""Makes an ordinary account, when it is not there, in the domain in the folder that is given, and gives it the rights
that the commands of dsacls say which come by standard input: those of the ready mapping's README, in another domain."""
import re
import shlex
import sys

from samba.auth import system_session
from samba.dcerpc import misc
from samba.ndr import ndr_unpack
from samba.param import LoadParm
from samba.samdb import SamDB
from samba.sd_utils import SDUtils

# From dsacls's letters to those of an ACE (MS-DTYP 2.5.1.1).
RIGHTS = {"CA": "CR", "WS": "SW"}
# What an ACE is about: this object and those below, or those below only.
INHERITANCE = {"/I:T": "CI", "/I:S": "CIIO"}
RESET_PASSWORD = "00299570-246d-11d0-a768-00aa006e0529"

folder, name, password, suffix = sys.argv[1:]
settings = LoadParm()
settings.load(folder + "/etc/smb.conf")
domain = SamDB(url=folder + "/private/sam.ldb", session_info=system_session(), lp=settings)


def guid(name):
    if name in ("", "Reset Password"):
        return RESET_PASSWORD if name else ""
    found = domain.search(domain.get_schema_basedn(), expression=f"(lDAPDisplayName={name})", attrs=["schemaIDGUID"])
    return str(ndr_unpack(misc.GUID, found[0]["schemaIDGUID"][0]))


def found():
    return domain.search(domain.get_default_basedn(), expression=f"(sAMAccountName={name})", attrs=["objectSid"])


if not found():
    domain.newuser(name, password)
account = found()
sid = domain.schema_format_value("objectSID", account[0]["objectSid"][0]).decode()
for command in sys.stdin.read().splitlines():
    program, dn, inheritance, grant, *rights = shlex.split(command)
    assert (program, grant) == ("dsacls", "/G"), command
    dn = re.sub("DC=.*", suffix, dn)
    for right in rights:
        who, right = right.split(":")
        assert who.endswith("\\" + name), command
        letters, what, of = (right + ";;").split(";")[:3]
        letters = "".join(RIGHTS.get(two, two) for two in re.findall("..", letters))
        ace = f"(OA;{INHERITANCE[inheritance]};{letters};{guid(what)};{guid(of)};{sid})"
        SDUtils(domain).dacl_add_ace(dn, ace)
