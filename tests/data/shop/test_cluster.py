"""The same corpus from a Ray cluster of two nodes as from processes of this machine."""

import pytest

pytest.importorskip("ray", reason="the extra `cluster` is not installed")
pytest.importorskip("daft", reason="the extra `cluster` is not installed")

from jaxlm.data.shop.cluster import ClusterEngine
from jaxlm.data.shop.pipeline import Shop
from tests.data.shop.test_pipeline import config, corpus, documents, reasons, run


@pytest.fixture(scope="module")
def address():
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    cluster.add_node(num_cpus=1)
    yield cluster.address
    cluster.shutdown()
    ray.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Ray's and Daft's own
def test_two_nodes_give_the_corpus_of_one_machine(tmp_path, address):
    corpus(tmp_path)
    local, _ = run(config(tmp_path), tmp_path / "local")
    engine = ClusterEngine(address)
    settings = config(tmp_path)
    far = Shop(settings, tmp_path / "far", engine, lambda _: None, lambda *_: None).run()
    engine.close()
    assert documents(far) == documents(local)
    assert reasons(far) == reasons(local)
    for kind in ("exact", "near"):
        pairs = getattr(far.copies, kind).tolist(), getattr(local.copies, kind).tolist()
        assert pairs[0] == pairs[1]
