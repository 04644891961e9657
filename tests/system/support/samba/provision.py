"""Makes the domain ad.test in the folder that is given, without what needs rights that a test lacks: no sysvol, no DNS."""
import logging
import sys

from samba.auth import system_session
from samba.param import LoadParm
from samba.provision import FILL_FULL, provision

folder, password = sys.argv[1:]
settings = LoadParm()
settings.set("bind interfaces only", "yes")
settings.set("interfaces", "127.0.0.1/8")
logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
provision(logging.getLogger("provision"), system_session(), smbconf=folder + "/etc/smb.conf", targetdir=folder,
          samdb_fill=FILL_FULL, realm="AD.TEST", domain="AD", hostname="dc1", hostip="127.0.0.1", adminpass=password,
          dns_backend="NONE", serverrole="dc", use_rfc2307=True, skip_sysvolacl=True, lp=settings, dom_for_fun_level=4)
