"""Adds the entries of an LDIF, read from standard input, to the domain in the folder that is given, in one transaction."""
import sys
from samba.auth import system_session
from samba.param import LoadParm
from samba.samdb import SamDB
folder = sys.argv[1]
settings = LoadParm()
settings.load(folder + "/etc/smb.conf")
# As Samba itself joins a domain: with its small cache of indexes the time grows with the square of the entries.
many = ["batch_mode:1", "transaction_index_cache_size:200000"]
domain = SamDB(url=folder + "/private/sam.ldb", session_info=system_session(), lp=settings, options=many)
domain.transaction_start()
domain.add_ldif(sys.stdin.read())
domain.transaction_commit()
