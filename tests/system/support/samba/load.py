"""Takes the LDIF of entries into a domain whose server does not run, some hundreds in a transaction."""
import sys

from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB

configuration, database, ldif = sys.argv[1:]
settings = LoadParm()
settings.load(configuration)
domain = SamDB(database, session_info=system_session(), lp=settings)
with open(ldif) as entries:
    entries = [entry for _, entry in domain.parse_ldif(entries.read())]
for begin in range(0, len(entries), 500):
    domain.transaction_start()
    for entry in entries[begin:begin + 500]:
        domain.add(entry)
    domain.transaction_commit()
