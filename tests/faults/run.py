"""All of it: `make test-faults`. Parts can be named: sites, start, storms, drain."""
import sys

import drain
import sites
import start
import storms
from rig import Count

PARTS = {"sites": sites.run, "start": start.run, "storms": storms.run, "drain": drain.run}
count = Count()
for name, part in PARTS.items():
    if len(sys.argv) == 1 or name in sys.argv[1:]:
        print(f"---- {name}", flush=True)
        part(count=count)
print(f"faults: {count.passed} passed, {count.failed} failed")
sys.exit(count.failed > 0)
