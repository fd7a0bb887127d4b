"""Reading a certificate: what a run promises, to whom, and what a ledger says of it.

python examples/reading_a_certificate.py [FOLDER]
"""

import sys
from pathlib import Path

import dprdm
from dprdm.demo.fashion import FashionDemo
from dprdm.errors import UserError

folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/examples/reading_a_certificate")
store = dprdm.index(FashionDemo("heldout_dark"), encoder="demo", out=folder / "store")
plan = dprdm.plan(store, dprdm.Gaussian(k=20, sampling_rate=0.05), epsilon=2, delta=1e-5, num_queries=10)
run = dprdm.release(store, ["shirt"], plan).save(folder / "run")

verification = dprdm.verify(run, store)
certificate = verification.certificate
print(f"Status: {certificate.status}. Unit: {certificate.unit}. Relation: {certificate.relation}.")
print(f"Epsilon {certificate.epsilon:.3g} at delta {certificate.delta:g}, for {certificate.num_queries} query.")
print(f"By PLD {verification.costs.pld:.3g}, by Renyi divergences {verification.costs.rdp:.3g}.")
print((run / "certificate.md").read_text().splitlines()[0])

# A certificate that says less than it costs is refused.
path = run / "certificate.json"
path.write_text(path.read_text().replace(f'"epsilon": {certificate.epsilon}', '"epsilon": 0.001'))
try:
    dprdm.verify(run)
except UserError as error:
    print(f"Refused: {error}")
