"""Takes the LDIF of entries into a domain whose server does not run, in one transaction."""
import sys

from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

configuration, database, ldif = sys.argv[1:]
settings = LoadParm()
settings.load(configuration)
domain = SamDB(database, session_info=system_session(), lp=settings)
domain.transaction_start()
with open(ldif) as entries:
    for _, entry in domain.parse_ldif(entries.read()):
        domain.add(entry)
domain.transaction_commit()
