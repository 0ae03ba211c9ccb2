"""Makes what the tests of gradients compare with: PyTorch's autograd in float64, and its AdamW.

Run from this folder with torch and numpy installed:

    python make_gradients.py

`gradients.txt` has one matrix a line: the operation and the matrix's name, its columns, and its numbers, row-major.
Inputs are multiples of 1/32 between -2 and 2, which every type that activations have holds exactly.
"""

import pathlib

import numpy as np
import torch
from torch.nn import functional

OUT = pathlib.Path(__file__).parent.parent / "resources" / "gradients" / "gradients.txt"
RNG = np.random.default_rng(27)
LINES = []


def drawn(*shape):
    return torch.tensor(RNG.integers(-64, 65, shape) / 32, dtype=torch.float64)


def leaf(*shape):
    return drawn(*shape).requires_grad_()


def keep(operation, **matrices):
    for name, matrix in matrices.items():
        columns = matrix.shape[1] if matrix.dim() > 1 else 1
        numbers = " ".join(f"{number:.12g}" for number in matrix.detach().flatten().tolist())
        LINES.append(f"{operation} {name} {columns} {numbers}")


def linear():
    x, w, bias, dy = leaf(3, 5), leaf(7, 5), leaf(7), drawn(3, 7)
    functional.linear(x, w, bias).backward(dy)
    keep("linear", x=x, w=w, dy=dy, dx=x.grad, dw=w.grad, dBias=bias.grad)


def embed():
    table, ids, dy = leaf(6, 3), torch.tensor([4, 1, 4, 5, 4]), drawn(5, 3)
    functional.embedding(ids, table).backward(dy)
    keep("embed", ids=ids, dy=dy, dTable=table.grad)


def silu_times():
    gate, up, dy = leaf(3, 7), leaf(3, 7), drawn(3, 7)
    y = functional.silu(gate) * up
    y.backward(dy)
    keep("siluTimes", gate=gate, up=up, dy=dy, y=y, dGate=gate.grad, dUp=up.grad)


def activations():
    for name, function in {"GELU": functional.gelu, "QUICK_GELU": lambda x: x * torch.sigmoid(1.702 * x)}.items():
        x, dy = leaf(3, 7), drawn(3, 7)
        y = function(x)
        y.backward(dy)
        keep(name, x=x, dy=dy, y=y, dx=x.grad)


def norms():
    x, w, dy = leaf(3, 7), leaf(7), drawn(3, 7)
    functional.rms_norm(x, (7,), w, 0.0625).backward(dy)
    keep("rmsNorm", x=x, w=w, dy=dy, dx=x.grad, dw=w.grad)
    x, w, bias, dy = leaf(3, 7), leaf(7), leaf(7), drawn(3, 7)
    functional.layer_norm(x, (7,), w, bias, 0.0625).backward(dy)
    keep("layerNorm", x=x, w=w, dy=dy, dx=x.grad, dw=w.grad, dBias=bias.grad)


def rotate():
    """Halves of heads of 6 channels turn as transformers' LLaMA turns them; one column more stays."""
    x, positions, dy = leaf(3, 13), torch.tensor([0, 5, 90]), drawn(3, 13)
    frequencies = 1 / 10000 ** (torch.arange(0, 6, 2, dtype=torch.float64) / 6)
    angles = (positions[:, None] * frequencies).repeat(1, 2)
    heads = x[:, :12].reshape(3, 2, 6)
    swapped = torch.cat((-heads[..., 3:], heads[..., :3]), dim=-1)
    turned = heads * angles.cos()[:, None] + swapped * angles.sin()[:, None]
    torch.cat((turned.reshape(3, 12), x[:, 12:]), dim=1).backward(dy)
    keep("rotate", positions=positions, dy=dy, dx=x.grad)


def attention():
    """Six query heads of 10 on two of keys and values; the rows see the first 3, 1, 7 and 5 of 8 keys."""
    q, keys, values, dy = leaf(4, 60), leaf(8, 20), leaf(8, 20), drawn(4, 60)
    visible = torch.tensor([3, 1, 7, 5])
    mask = torch.arange(8)[None] < visible[:, None]
    split = [m.reshape(m.shape[0], -1, 10).transpose(0, 1)[None] for m in (q, keys, values)]
    y = functional.scaled_dot_product_attention(*split, attn_mask=mask, enable_gqa=True)
    y[0].transpose(0, 1).reshape(4, 60).backward(dy)
    keep("attention", lastKey=visible - 1, q=q, keys=keys, values=values, dy=dy)
    keep("attention", dq=q.grad, dKeys=keys.grad, dValues=values.grad)


def cross_entropy():
    logits, labels = leaf(4, 9), torch.tensor([2, -1, 8, 0])
    losses = functional.cross_entropy(logits, labels, ignore_index=-1, reduction="none")
    (losses.sum() * 0.375).backward()
    keep("crossEntropy", labels=labels, logits=logits, losses=losses, dLogits=logits.grad)


def adam_w():
    """Three steps whose settings are float32 numbers, as the library's are."""
    value = leaf(3, 5)
    betas = tuple(float(np.float32(beta)) for beta in (0.9, 0.999))
    epsilon, rate, decay = (float(np.float32(number)) for number in (1e-8, 0.01, 0.1))
    optimiser = torch.optim.AdamW([value], lr=rate, betas=betas, eps=epsilon, weight_decay=decay)
    keep("adamW", initial=value)
    for step in range(3):
        gradient = drawn(3, 5)
        value.grad = gradient * 0.5
        optimiser.step()
        state = optimiser.state[value]
        keep("adamW", **{f"gradient{step}": gradient, f"value{step}": value})
        keep("adamW", **{f"first{step}": state["exp_avg"], f"second{step}": state["exp_avg_sq"]})


for operation in (linear, embed, silu_times, activations, norms, rotate, attention, cross_entropy, adam_w):
    operation()
OUT.write_text("\n".join(LINES) + "\n")
