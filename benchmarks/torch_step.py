"""The peer: the same training step in PyTorch, on one fixed batch, under torch.compile.

It reads a run's config.json and obeys the protocol of `jax_step`, but imports nothing of jaxlm: it
runs with an interpreter of its own, which has torch (see requirements-torch.txt) and no jax.

    TORCH_PYTHON benchmarks/torch_step.py CONFIG_JSON [--compile whole|blocks|none]
"""

import argparse
import contextlib
import functools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint, create_selective_checkpoint_contexts

Settings = dict[str, Any]


def rope_table(seq_len: int, head_dim: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosine and sine, each float32 [seq, head_dim / 2]."""
    frequencies = theta ** (-torch.arange(0, head_dim, 2, dtype=torch.float32) / head_dim)
    angles = torch.arange(seq_len, dtype=torch.float32)[:, None] * frequencies
    return angles.cos(), angles.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding of x: [batch, heads, seq, head_dim]."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1).to(x.dtype)


class Block(nn.Module):
    """One layer; queries, keys and values come from one product, gate and up from another."""

    def __init__(self, model: Settings, remat: str) -> None:
        super().__init__()
        d, k = model["d_model"], model["head_dim"]
        self.heads = (model["num_heads"], model["num_kv_heads"], model["num_kv_heads"])
        self.head_dim, self.remat = k, remat
        self.attention_norm = nn.RMSNorm(d, eps=model["norm_eps"])
        self.mlp_norm = nn.RMSNorm(d, eps=model["norm_eps"])
        self.qkv = nn.Linear(d, sum(self.heads) * k, bias=False)
        self.out = nn.Linear(self.heads[0] * k, d, bias=False)
        self.gate_up = nn.Linear(d, 2 * model["d_ff"], bias=False)
        self.down = nn.Linear(model["d_ff"], d, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        if self.remat == "none":
            return self.layer(x, cos, sin)
        keep: dict[str, Any] = {}
        if self.remat == "dots":
            products = [torch.ops.aten.mm.default]
            keep = {"context_fn": functools.partial(create_selective_checkpoint_contexts, products)}
        return checkpoint(self.layer, x, cos, sin, use_reentrant=False, **keep)

    def layer(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        b, s, _ = x.shape
        projected = self.qkv(self.attention_norm(x)).view(b, s, -1, self.head_dim).transpose(1, 2)
        q, k, v = projected.split(self.heads, dim=1)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        grouped = self.heads[0] != self.heads[1]
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=grouped)
        x = x + self.out(y.transpose(1, 2).reshape(b, s, -1))
        gate, up = self.gate_up(self.mlp_norm(x)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


class Head(nn.Module):
    """Final norm, logits and mean cross-entropy in float32."""

    def __init__(self, model: Settings, matrix: nn.Parameter) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(model["d_model"], eps=model["norm_eps"])
        self.matrix = matrix

    def forward(self, x: Tensor, targets: Tensor) -> Tensor:
        logits = F.linear(self.norm(x), self.matrix)
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


class Llama(nn.Module):
    """Maps tokens and targets to the loss."""

    def __init__(self, model: Settings, seq_len: int, remat: str) -> None:
        super().__init__()
        self.embedding = nn.Embedding(model["vocab_size"], model["d_model"])
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.blocks = nn.ModuleList(Block(model, remat) for _ in range(model["num_layers"]))
        matrix = self.embedding.weight
        if not model["tie_embeddings"]:
            matrix = nn.Parameter(torch.randn_like(matrix) * model["d_model"] ** -0.5)
        self.head = Head(model, matrix)
        self.rope = rope_table(seq_len, model["head_dim"], model["rope_theta"])

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, *self.rope)
        return self.head(x, targets)


def build_model(config: Settings, device: str, how: str) -> tuple[Llama, Callable[..., Tensor]]:
    """The model, and the compiled function to call.

    Args:
      config: Content of config.json.
      device: `cuda` or `cpu`.
      how: `whole` compiles the model as one; `blocks` compiles one layer for all, and the head,
        which takes a fraction of the time; `none` does not compile.
    """
    torch.manual_seed(0)
    torch.set_default_dtype(getattr(torch, config["compute"]["param_dtype"]))
    with torch.device(device):
        model = Llama(config["model"], config["batch"]["seq_len"], config["compute"]["remat"])
    torch.set_default_dtype(torch.float32)
    if how == "whole":
        return model, torch.compile(model)
    if how == "blocks":
        for part in (*model.blocks, model.head):
            part.compile()
    return model, model


def build_optimizer(model: nn.Module, optim: Settings) -> torch.optim.AdamW:
    """Fused AdamW; only matrices decay."""
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": optim["weight_decay"]},
        {"params": vectors, "weight_decay": 0.0},
    ]
    betas = (optim["beta1"], optim["beta2"])
    return torch.optim.AdamW(groups, optim["peak_lr"], betas, optim["eps"], fused=True)


class PeerStep:
    """A compiled step, its state and its batch."""

    def __init__(self, config: Settings, how: str) -> None:
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        dtype = config["compute"]["dtype"]
        if dtype == "auto":
            dtype = "bfloat16" if self.device == "cuda" else "float32"
        self.casts = dtype != config["compute"]["param_dtype"]
        self.dtype, self.clip_norm = getattr(torch, dtype), config["optim"]["clip_norm"]
        self.model, self.loss = build_model(config, self.device, how)
        self.optimizer = build_optimizer(self.model, config["optim"])
        shape = (config["batch"]["size"], config["batch"]["seq_len"] + 1)
        rows = torch.randint(0, config["model"]["vocab_size"], shape, device=self.device)
        self.tokens, self.targets = rows[:, :-1].contiguous(), rows[:, 1:].contiguous()
        began = time.perf_counter()
        self.first_loss = float(self.step())
        self.compile_seconds = time.perf_counter() - began
        float(self.step())

    def step(self) -> Tensor:
        """Takes a step; returns the loss, which may still be computed."""
        cast = torch.autocast(self.device, self.dtype) if self.casts else contextlib.nullcontext()
        with cast:
            loss = self.loss(self.tokens, self.targets)
        loss.backward()
        if self.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.clip_norm)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    def run(self, num_steps: int) -> float:
        """Mean seconds of a step, over steps that follow an untimed one; read one step late."""
        pending = self.step()
        self._wait()
        began = time.perf_counter()
        for _ in range(num_steps):
            loss = self.step()
            float(pending)
            pending = loss
        self._wait()
        return (time.perf_counter() - began) / num_steps

    def facts(self) -> dict[str, Any]:
        """What is known before any step is timed."""
        is_gpu = self.device == "cuda"
        return {
            "compile_seconds": self.compile_seconds,
            "first_loss": self.first_loss,
            "num_parameters": sum(p.numel() for p in self.model.parameters()),
            "device": torch.cuda.get_device_name() if is_gpu else "cpu",
            "version": torch.__version__,
        }

    def peak_bytes(self) -> int | None:
        """Most memory that tensors have held on the GPU; none on a CPU."""
        return torch.cuda.max_memory_allocated() if self.device == "cuda" else None

    def _wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()


def reply(**content: Any) -> None:
    print(json.dumps(content), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("config", type=Path)
    parser.add_argument("--compile", choices=("whole", "blocks", "none"), default="whole")
    arguments = parser.parse_args()
    try:
        peer = PeerStep(json.loads(arguments.config.read_text()), arguments.compile)
        reply(**peer.facts())
        for line in sys.stdin:
            reply(step_seconds=peer.run(int(line)), peak_bytes=peer.peak_bytes())
    except torch.OutOfMemoryError:
        reply(error="out of memory")


if __name__ == "__main__":
    main()
