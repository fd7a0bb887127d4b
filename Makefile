# Everything in docs/results.md, from nothing: `make -j 2 results`, about 25 minutes of two cores.
# Each step is one command of the front door; what is finished is kept, and an interrupted step goes on.
PYTHON ?= .venv/bin/python
OUT = runs/results
MAIN = OMP_NUM_THREADS=1 $(PYTHON) main.py
RIVALS = dpsgd dpldm dplora
RETRIEVED = public gaussian-eps1 gaussian-eps10 joint-eps1 joint-eps10 codebook-eps1 codebook-eps10 nonprivate
RUNS = $(RETRIEVED:%=$(OUT)/runs/%/grid.png) $(RIVALS:%=$(OUT)/runs/%/grid.png)
MEASURED = $(OUT)/sweep $(OUT)/test $(OUT)/fidelity $(OUT)/attack
# Every run has a private store of its own, so that none pays for another.
DRAW = $(MAIN) predict --out $(OUT)/runs --releases_per_prompt 50 --name $(@:$(OUT)/runs/%/grid.png=%)
STORE = --private_store $(OUT)/stores/$(@:$(OUT)/runs/%/grid.png=%)

.PHONY: results
results: docs/results.md

docs/results.md: $(RUNS) $(MEASURED:%=%/results.json)
	$(MAIN) report $(RUNS:%/grid.png=%) --results $(MEASURED) --out $(OUT)/report \
		--title "The demo's results" --include_nonprivate true --markdown $@ --figures docs/figures/results

$(OUT)/sweep/results.json:
	$(MAIN) sweep --config demo_sweep.yaml --out $(@D)

$(OUT)/fidelity/results.json:
	$(MAIN) fidelity --config demo_fidelity.yaml --out $(@D)

$(OUT)/attack/results.json:
	$(MAIN) attack --config demo_attack.yaml --out $(@D)

$(OUT)/test/results.json: $(RUNS)
	$(MAIN) test $(RUNS:%/grid.png=%) --config demo_test.yaml --out $(@D)

$(OUT)/runs/public/grid.png:
	$(DRAW) --retriever public --mechanism nonprivate

$(OUT)/runs/nonprivate/grid.png:
	$(DRAW) $(STORE) --mechanism nonprivate

$(OUT)/runs/gaussian-eps%/grid.png:
	$(DRAW) $(STORE) --mechanism gaussian --eps $*

$(OUT)/runs/joint-eps%/grid.png:
	$(DRAW) $(STORE) --mechanism gaussian --denoiser joint --eps $*

$(OUT)/runs/codebook-eps%/grid.png:
	$(DRAW) $(STORE) --mechanism codebook --eps $*

$(RIVALS:%=$(OUT)/runs/%/grid.png): $(OUT)/runs/%/grid.png: runs/%/generator.safetensors
	$(DRAW) --config demo_$*.yaml

runs/%/generator.safetensors:
	$(MAIN) fit --config demo_$*.yaml --private_store $(OUT)/stores/$*
