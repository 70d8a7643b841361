"""The typed configuration of a training run, and the checks that span several sections."""

from dataclasses import dataclass, field

from jaxlm.checkpoint.config import CheckpointConfig
from jaxlm.data.config import DataConfig
from jaxlm.evaluate import EvaluationConfig
from jaxlm.generate import SamplingConfig
from jaxlm.layers.compute import ComputeConfig
from jaxlm.models.base import ModelConfig
from jaxlm.monitor.config import MonitorConfig
from jaxlm.objectives.base import ObjectiveConfig
from jaxlm.objectives.causal_lm import CausalLMConfig
from jaxlm.optim.config import OptimConfig
from jaxlm.parallel.mesh import ParallelConfig
from jaxlm.tokenizers.config import SentencePieceConfig, TokenizerConfig


@dataclass(frozen=True, kw_only=True)
class BatchConfig:
    """Shape of one global batch.

    Attributes:
      size: Rows in the global batch, summed over hosts, devices and microbatches.
      seq_len: Tokens in a row.
      accumulation: Microbatches that one update accumulates; divides `size`.
    """

    size: int = 8
    seq_len: int = 256
    accumulation: int = 1


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides the numbers of a run; the run directory is not part of it.

    Attributes:
      name: Name of the run, the start of its directory's name.
      num_steps: Updates of the parameters.
      seed: Start of every random draw: parameters, order of the data, samples.
    """

    name: str
    model: ModelConfig
    num_steps: int
    seed: int = 0
    batch: BatchConfig = field(default_factory=BatchConfig)
    objective: ObjectiveConfig = field(default_factory=CausalLMConfig)
    tokenizer: TokenizerConfig = field(default_factory=SentencePieceConfig)
    data: DataConfig = field(default_factory=DataConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    compute: ComputeConfig = field(default_factory=ComputeConfig)
    parallel: ParallelConfig = field(default_factory=ParallelConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    sampling: SamplingConfig = field(default_factory=SamplingConfig)
    monitor: MonitorConfig = field(default_factory=MonitorConfig)
