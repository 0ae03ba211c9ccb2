"""Makes the committed matrices in the layouts of compressed-tensors, AWQ and GPTQ, and what they stand for.

Written from the layouts' descriptions, with loops over single numbers, so that it shares nothing with what it checks.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file

RESOURCES = Path(__file__).parents[1] / "resources" / "packed"
ROWS, COLUMNS = 24, 192
AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)


def ints(rows: list[list[int]]) -> torch.Tensor:
    """Unsigned 32-bit numbers as PyTorch stores them."""
    return torch.tensor([[word - (1 << 32) if word >> 31 else word for word in row] for row in rows], dtype=torch.int32)


def packed(values: list[int], bits: int, order: tuple[int, ...] | None = None) -> list[int]:
    """Neighbours in one word, the first in the lowest bits, or value order[i] in the bits number i."""
    each = 32 // bits
    words = []
    for start in range(0, len(values), each):
        run = values[start : start + each]
        run = run + [0] * (each - len(run))
        if order is not None:
            run = [run[place] for place in order]
        words.append(sum(value << (bits * i) for i, value in enumerate(run)))
    return words


def draw(bits: int, groups: int, symmetric: bool, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    numbers = torch.randint(0, 1 << bits, (ROWS, COLUMNS))
    scales = (torch.rand(ROWS, groups) * 0.02 + 0.001).to(dtype)
    middle = 1 << (bits - 1)
    zeros = torch.full((ROWS, groups), middle) if symmetric else torch.randint(1, 1 << bits, (ROWS, groups))
    return numbers, scales, zeros


def values(numbers: torch.Tensor, scales: torch.Tensor, zeros: torch.Tensor) -> torch.Tensor:
    repeat = COLUMNS // scales.shape[1]
    wide = lambda x: x.repeat_interleave(repeat, dim=1)
    return (wide(scales).double() * (numbers - wide(zeros)).double()).float()


def compressed(tensors: dict, name: str, bits: int, groups: int, symmetric: bool, dtype: torch.dtype) -> None:
    numbers, scales, zeros = draw(bits, groups, symmetric, dtype)
    base = f"{name}.q_proj.weight"
    tensors[f"{base}_packed"] = ints([packed(row, bits) for row in numbers.tolist()])
    tensors[f"{base}_scale"] = scales
    tensors[f"{base}_shape"] = torch.tensor([ROWS, COLUMNS])
    if not symmetric:
        columns = [packed(column, bits) for column in zeros.T.tolist()]
        tensors[f"{base}_zero_point"] = ints(columns).T
    tensors[f"{name}.expected"] = values(numbers, scales, zeros)


def int_quantized(tensors: dict, name: str, groups: int) -> None:
    numbers, scales, zeros = draw(8, groups, True, torch.bfloat16)
    tensors[f"{name}.q_proj.weight"] = (numbers - 128).to(torch.int8)
    tensors[f"{name}.q_proj.weight_scale"] = scales
    tensors[f"{name}.expected"] = values(numbers, scales, zeros)


def awq(tensors: dict, name: str, groups: int) -> None:
    numbers, scales, zeros = draw(4, groups, False, torch.float16)
    tensors[f"{name}.q_proj.qweight"] = ints([packed(row, 4, AWQ_ORDER) for row in numbers.T.tolist()])
    tensors[f"{name}.q_proj.qzeros"] = ints([packed(row, 4, AWQ_ORDER) for row in zeros.T.tolist()])
    tensors[f"{name}.q_proj.scales"] = scales.T
    tensors[f"{name}.expected"] = values(numbers, scales, zeros)


def gptq(tensors: dict, name: str, groups: int, stored_less: int) -> None:
    numbers, scales, zeros = draw(4, groups, False, torch.float16)
    tensors[f"{name}.q_proj.qweight"] = ints([packed(column, 4) for column in numbers.tolist()]).T
    tensors[f"{name}.q_proj.qzeros"] = ints([packed(row, 4) for row in (zeros - stored_less).T.tolist()])
    tensors[f"{name}.q_proj.scales"] = scales.T
    tensors[f"{name}.q_proj.g_idx"] = torch.arange(COLUMNS, dtype=torch.int32) // (COLUMNS // groups)
    tensors[f"{name}.expected"] = values(numbers, scales, zeros)


def float8(code: int) -> float:
    """What eight bits of E4M3 stand for: a sign, four of exponent and three of mantissa."""
    sign = -1.0 if code & 128 else 1.0
    exponent, mantissa = code >> 3 & 15, code & 7
    return sign * (mantissa / 8 * 2.0**-6 if exponent == 0 else (1 + mantissa / 8) * 2.0 ** (exponent - 7))


def float_quantized(tensors: dict, name: str, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    codes = torch.randint(0, 127, (ROWS, COLUMNS)) + 128 * torch.randint(0, 2, (ROWS, COLUMNS))
    scales = (torch.rand(shape) * 0.02 + 0.001).to(dtype)
    tensors[f"{name}.q_proj.weight"] = codes.to(torch.uint8).view(torch.float8_e4m3fn)
    tensors[f"{name}.q_proj.weight_scale"] = scales
    numbers = torch.tensor([[float8(code) for code in row] for row in codes.tolist()], dtype=torch.float64)
    tensors[f"{name}.expected"] = (scales.double().reshape(-1, 1) * numbers).float()


def main() -> None:
    torch.manual_seed(11)
    tensors: dict[str, torch.Tensor] = {}
    compressed(tensors, "pack4", 4, COLUMNS // 32, True, torch.bfloat16)
    compressed(tensors, "pack4zeros", 4, COLUMNS // 64, False, torch.float16)
    compressed(tensors, "pack4row", 4, 1, True, torch.float16)
    compressed(tensors, "pack8", 8, COLUMNS // 32, True, torch.float16)
    int_quantized(tensors, "int8row", 1)
    int_quantized(tensors, "int8group", COLUMNS // 96)
    awq(tensors, "awq", COLUMNS // 64)
    gptq(tensors, "gptq", COLUMNS // 32, 1)
    gptq(tensors, "gptq2", COLUMNS // 96, 0)
    float_quantized(tensors, "float8row", (ROWS, 1), torch.bfloat16)
    float_quantized(tensors, "float8flat", (ROWS,), torch.float32)
    float_quantized(tensors, "float8whole", (1,), torch.float16)
    float_quantized(tensors, "float8scalar", (), torch.float32)
    RESOURCES.mkdir(parents=True, exist_ok=True)
    save_file({name: value.contiguous() for name, value in tensors.items()}, RESOURCES / "model.safetensors")


if __name__ == "__main__":
    main()
