// The driver's interface: descriptions of tensors for the copy engine.
#include "driver.h"
#include "tensor_map.h"

using namespace emulated;

namespace {

constexpr int FLOAT16 = 6, BFLOAT16 = 9;  // CUtensorMapDataType
constexpr int SWIZZLE_128_BYTES = 3;      // CUtensorMapSwizzle
constexpr uint64_t MOST_NUMBERS = uint64_t{1} << 32, MOST_STRIDE = uint64_t{1} << 40;
constexpr unsigned MOST_BOX = 256;

}  // namespace

EXPORTED int cuTensorMapEncodeTiled(void* map, int type, unsigned rank, uint64_t address, const uint64_t* sizes,
                                    const uint64_t* strides, const uint32_t* box, const uint32_t* steps, int interleave,
                                    int swizzle, int promotion, int fill) {
  if (map == nullptr || sizes == nullptr || strides == nullptr || box == nullptr || steps == nullptr) return INVALID_VALUE;
  if (reinterpret_cast<uintptr_t>(map) % 64 != 0) return refuse(INVALID_VALUE, "a tensor map begins at a multiple of 64 bytes");
  if (rank < 2 || rank > emulation::TensorMap::MOST_DIMENSIONS || (type != FLOAT16 && type != BFLOAT16) || swizzle != SWIZZLE_128_BYTES || interleave != 0 || fill != 0) {
    return refuse(INVALID_VALUE, "the emulation knows tensor maps of two-byte numbers in two to four dimensions with 128-byte swizzle alone");
  }
  if (promotion < 0 || promotion > 3) return INVALID_VALUE;
  emulation::TensorMap made{address, {1, 1, 1, 1}, {}, {1, 1, 1, 1}, 2, emulation::TensorMap::MADE, rank, {}};
  bool apart = address % 16 == 0;
  for (unsigned i = 0; i < rank; i++) {
    if (sizes[i] == 0 || sizes[i] > MOST_NUMBERS || box[i] == 0 || box[i] > MOST_BOX || steps[i] != 1) return INVALID_VALUE;
    made.sizes[i] = sizes[i];
    made.box[i] = box[i];
    if (i == 0) continue;
    made.strides[i - 1] = strides[i - 1];
    apart = apart && strides[i - 1] % 16 == 0 && strides[i - 1] < MOST_STRIDE;
  }
  if (!apart) return refuse(INVALID_VALUE, "a tensor map needs addresses and strides that are multiples of 16 bytes");
  if (box[0] * 2 != 128) return refuse(INVALID_VALUE, "the emulation swizzles boxes of 128-byte rows alone");
  memcpy(map, &made, sizeof made);
  return SUCCESS;
}
