// An emulated cuBLASLt: what the backend uses of it, run in the emulated driver's order. Matrices are column-major,
// D = alpha op(A) op(B) + beta C (+ bias), where FP8 has a scale for each row of D and one for each column, which op(A)
// op(B) is multiplied by; types are those of cublasLt.h, handles travel as 64-bit numbers.
#include <cstring>
#include <map>
#include <mutex>
#include <string>

#include "driver_hooks.h"
#include "product.h"

using namespace emulated;

namespace {

enum Status : int {
  SUCCESS = 0,
  NOT_INITIALIZED = 1,
  INVALID_VALUE = 7,
  EXECUTION_FAILED = 13,
  NOT_SUPPORTED = 15,
};

constexpr int COMPUTE_32F = 68;
constexpr int COMPUTE_32F_PEDANTIC = 69;
constexpr unsigned NO_EPILOGUE = 1;
constexpr unsigned BIAS_EPILOGUE = 4;
constexpr uint32_t COMPUTE_TYPE_SCHEME = 2;
constexpr int32_t ONE_SCALE = 0;
constexpr int32_t OUTER_VECTORS = 3;
// Of cuBLASLt, since when it knows modes of scales, and this mode.
constexpr int MODES_SINCE = 120800;
constexpr int OUTER_VECTORS_SINCE = 120900;
// What all of an FP8 product is a multiple of, in bytes.
constexpr uint64_t FLOAT8_MULTIPLE = 16;

// What an algorithm is like. The first sums in double, the others in float32: all of it, or in parts which are added up
// in a workspace; the last wants an even number of columns of D.
struct Kind {
  int parts;
  uint64_t workspace_bytes, columns_multiple;
};
constexpr Kind KINDS[] = {{0, 4096, 1}, {1, 0, 1}, {2, 8192, 1}, {3, 16384, 2}};
constexpr int KIND_COUNT = sizeof KINDS / sizeof KINDS[0];

struct Description {
  int transpose_a = 0, transpose_b = 0;
  unsigned epilogue = NO_EPILOGUE;
  uint64_t bias = 0;
  int bias_type = -1;
  uint64_t a_scales = 0, b_scales = 0;
  int32_t a_scale_mode = ONE_SCALE, b_scale_mode = ONE_SCALE;
};

struct Preference {
  uint64_t workspace_bytes = 0;
  // How parts of a sum may be added up: here only in float32.
  uint32_t reduction_schemes = 0;
  // Of A, B, C and D. This strict unless told otherwise, as in the library.
  unsigned alignment[4] = {256, 256, 256, 256};
};

// What an algorithm's 64 opaque bytes hold.
struct Algorithm {
  uint64_t magic;
  int kind;  // an index into KINDS
  int type;  // of A
  unsigned alignment[4];
  uint64_t unused[4];
};
static_assert(sizeof(Algorithm) == 64, "an algorithm has 64 bytes");
constexpr uint64_t ALGORITHM = 0x6f68747269676c61;

// A heuristic's answer, as in cublasLt.h.
struct Heuristic {
  Algorithm algorithm;
  size_t workspace_bytes;
  int status;
  float waves;
  int reserved[4];
};

struct Library {
  std::mutex lock;
  uint64_t last_handle = 0xb1a500000000;
  int version = 130100;
  // The kind that fails when it runs, as the library's may though they were checked; or -1.
  int failing = -1;
  std::map<uint64_t, bool> handles;
  std::map<uint64_t, Description> descriptions;
  std::map<uint64_t, Layout> layouts;
  std::map<uint64_t, Preference> preferences;
};

Library& library() {
  static Library* one = new Library;
  return *one;
}

template <typename T> int create(std::map<uint64_t, T>& all, uint64_t* handle, const T& value) {
  if (handle == nullptr) return INVALID_VALUE;
  *handle = library().last_handle += 16;
  all[*handle] = value;
  return SUCCESS;
}

template <typename T> int destroy(std::map<uint64_t, T>& all, uint64_t handle) {
  std::lock_guard<std::mutex> holding(library().lock);
  return all.erase(handle) != 0 ? SUCCESS : INVALID_VALUE;
}

template <typename T> int take(T* field, const void* value, size_t bytes) {
  if (value == nullptr || bytes != sizeof(T)) return INVALID_VALUE;
  memcpy(field, value, bytes);
  return SUCCESS;
}

int refuse(int status, const std::string& why) {
  emulated_complain(("cuBLASLt: " + why).c_str());
  return status;
}

bool is_type(int type) {
  return type == FLOAT32 || type == FLOAT16 || type == BFLOAT16 || type == FLOAT8_E4M3;
}

// Why the shapes and types can't go together; empty if they can.
std::string conflict(const Description& what, const Layout& a, const Layout& b, const Layout& c, const Layout& d) {
  uint64_t a_rows = what.transpose_a ? a.columns : a.rows, a_columns = what.transpose_a ? a.rows : a.columns;
  uint64_t b_rows = what.transpose_b ? b.columns : b.rows, b_columns = what.transpose_b ? b.rows : b.columns;
  if (a_rows != d.rows || b_columns != d.columns || a_columns != b_rows) return "the shapes of A, B and D differ";
  if (c.rows != d.rows || c.columns != d.columns || c.type != d.type) return "C and D differ in shape or type";
  if (a.type != b.type) return "A and B differ in type";
  return "";
}

// Rows and leading dimensions that are no multiples of 16 bytes.
bool is_ragged(const Layout& layout) {
  return (layout.rows | static_cast<uint64_t>(layout.leading)) * size_of(layout.type) % FLOAT8_MULTIPLE != 0;
}

// Why the library has no FP8 product like this; empty if it has.
std::string unsupported_float8(const Description& what, const Layout& a, const Layout& b, const Layout& d) {
  if (library().version < OUTER_VECTORS_SINCE) return "FP8 with vectors of scales before 12.9";
  if (emulated_capability() != 90) return "FP8 with vectors of scales on a GPU other than compute capability 9.0";
  if (what.a_scale_mode != OUTER_VECTORS || what.b_scale_mode != OUTER_VECTORS) {
    return "FP8 with scales other than outer vectors";
  }
  if (what.a_scales == 0 || what.b_scales == 0) return "outer vectors of scales without their addresses";
  if ((what.a_scales | what.b_scales) % FLOAT8_MULTIPLE != 0) return "scales at no multiple of 16 bytes";
  if (!what.transpose_a || what.transpose_b) return "FP8 with anything but A transposed and B not";
  if (what.epilogue != NO_EPILOGUE) return "FP8 with an epilogue";
  if (d.type == FLOAT8_E4M3) return "a D of FP8";
  if (is_ragged(a) || is_ragged(b) || is_ragged(d)) return "FP8 with rows that take no multiple of 16 bytes";
  return "";
}

std::string unsupported(const Description& what, const Layout& a, const Layout& b, const Layout& d) {
  if (a.type == FLOAT8_E4M3) return unsupported_float8(what, a, b, d);
  if (what.a_scale_mode != ONE_SCALE || what.b_scale_mode != ONE_SCALE || what.a_scales != 0 || what.b_scales != 0) {
    return "scales of other than FP8";
  }
  if (d.type != a.type && d.type != FLOAT32) return "this type of D with this type of A";
  if (what.epilogue != NO_EPILOGUE && what.epilogue != BIAS_EPILOGUE) return "an epilogue other than bias";
  if (what.bias_type != -1 && what.bias_type != a.type && what.bias_type != d.type) return "this type of bias";
  return "";
}

// Why these bytes do not do this product; empty if they do.
std::string unfit(const Algorithm& algorithm, const Layout& a, const Layout& d) {
  if (algorithm.magic != ALGORITHM || algorithm.kind < 0 || algorithm.kind >= KIND_COUNT) {
    return "an algorithm that no heuristic gave";
  }
  if (algorithm.type != a.type) return "an algorithm for another type";
  for (unsigned alignment : algorithm.alignment) {
    if (a.type == FLOAT8_E4M3 && alignment % FLOAT8_MULTIPLE != 0) return "FP8 at addresses of a lesser alignment";
  }
  uint64_t multiple = KINDS[algorithm.kind].columns_multiple;
  if (d.columns % multiple != 0) return "an algorithm for columns in multiples of " + std::to_string(multiple);
  return "";
}

bool in_memory(uint64_t address, const Layout& layout) {
  uint64_t elements = layout.rows + (layout.columns - 1) * static_cast<uint64_t>(layout.leading);
  return emulated_holds(address, elements * size_of(layout.type)) != 0;
}

}  // namespace

EXPORTED size_t cublasLtGetVersion() { return static_cast<size_t>(library().version); }

EXPORTED const char* cublasLtGetStatusName(int status) {
  switch (status) {
    case SUCCESS: return "CUBLAS_STATUS_SUCCESS";
    case NOT_INITIALIZED: return "CUBLAS_STATUS_NOT_INITIALIZED";
    case 3: return "CUBLAS_STATUS_ALLOC_FAILED";
    case INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
    case 8: return "CUBLAS_STATUS_ARCH_MISMATCH";
    case 11: return "CUBLAS_STATUS_MAPPING_ERROR";
    case EXECUTION_FAILED: return "CUBLAS_STATUS_EXECUTION_FAILED";
    case 14: return "CUBLAS_STATUS_INTERNAL_ERROR";
    case NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
    default: return "CUBLAS_STATUS_UNKNOWN";
  }
}

EXPORTED const char* cublasLtGetStatusString(int status) {
  return status == SUCCESS ? "success" : "the emulation refused it, and said why on stderr";
}

EXPORTED int cublasLtCreate(uint64_t* handle) {
  std::lock_guard<std::mutex> holding(library().lock);
  if (!emulated_has_context()) return NOT_INITIALIZED;
  return create(library().handles, handle, true);
}

EXPORTED int cublasLtDestroy(uint64_t handle) { return destroy(library().handles, handle); }

EXPORTED int cublasLtMatmulDescCreate(uint64_t* handle, int compute_type, int scale_type) {
  std::lock_guard<std::mutex> holding(library().lock);
  if (compute_type != COMPUTE_32F && compute_type != COMPUTE_32F_PEDANTIC) {
    return refuse(NOT_SUPPORTED, "a compute type other than float32");
  }
  if (scale_type != FLOAT32) return refuse(NOT_SUPPORTED, "a scale type other than float32");
  return create(library().descriptions, handle, Description());
}

EXPORTED int cublasLtMatmulDescDestroy(uint64_t handle) { return destroy(library().descriptions, handle); }

EXPORTED int cublasLtMatmulDescSetAttribute(uint64_t handle, int attribute, const void* value, size_t bytes) {
  std::lock_guard<std::mutex> holding(library().lock);
  auto found = library().descriptions.find(handle);
  if (found == library().descriptions.end()) return INVALID_VALUE;
  Description& what = found->second;
  switch (attribute) {
    case 3: return take(&what.transpose_a, value, bytes);
    case 4: return take(&what.transpose_b, value, bytes);
    case 7: return take(&what.epilogue, value, bytes);
    case 8: return take(&what.bias, value, bytes);
    case 17: return take(&what.a_scales, value, bytes);
    case 18: return take(&what.b_scales, value, bytes);
    case 26: return take(&what.bias_type, value, bytes);
    case 31:
    case 32:
      if (library().version < MODES_SINCE) return refuse(INVALID_VALUE, "a mode of scales before 12.8");
      return take(attribute == 31 ? &what.a_scale_mode : &what.b_scale_mode, value, bytes);
    default: return refuse(INVALID_VALUE, "no attribute " + std::to_string(attribute) + " of products here");
  }
}

EXPORTED int cublasLtMatrixLayoutCreate(uint64_t* handle, int type, uint64_t rows, uint64_t columns, int64_t leading) {
  std::lock_guard<std::mutex> holding(library().lock);
  if (!is_type(type)) return refuse(NOT_SUPPORTED, "a matrix of type " + std::to_string(type));
  if (rows == 0 || columns == 0 || leading < static_cast<int64_t>(rows)) {
    return refuse(INVALID_VALUE, "a matrix of " + std::to_string(rows) + " rows and " + std::to_string(columns) +
                                     " columns with leading dimension " + std::to_string(leading));
  }
  return create(library().layouts, handle, Layout{type, rows, columns, leading});
}

EXPORTED int cublasLtMatrixLayoutDestroy(uint64_t handle) { return destroy(library().layouts, handle); }

EXPORTED int cublasLtMatmulPreferenceCreate(uint64_t* handle) {
  std::lock_guard<std::mutex> holding(library().lock);
  return create(library().preferences, handle, Preference());
}

EXPORTED int cublasLtMatmulPreferenceDestroy(uint64_t handle) { return destroy(library().preferences, handle); }

EXPORTED int cublasLtMatmulPreferenceSetAttribute(uint64_t handle, int attribute, const void* value, size_t bytes) {
  std::lock_guard<std::mutex> holding(library().lock);
  auto found = library().preferences.find(handle);
  if (found == library().preferences.end()) return INVALID_VALUE;
  if (attribute == 1) return take(&found->second.workspace_bytes, value, bytes);
  if (attribute == 3) return take(&found->second.reduction_schemes, value, bytes);
  if (attribute >= 5 && attribute <= 8) return take(&found->second.alignment[attribute - 5], value, bytes);
  return refuse(INVALID_VALUE, "no attribute " + std::to_string(attribute) + " of preferences here");
}

EXPORTED int cublasLtMatmulAlgoGetHeuristic(uint64_t handle, uint64_t description, uint64_t a, uint64_t b, uint64_t c,
                                            uint64_t d, uint64_t preference, int wanted, Heuristic* answers,
                                            int* answered) {
  Library& l = library();
  std::lock_guard<std::mutex> holding(l.lock);
  if (l.handles.count(handle) == 0) return NOT_INITIALIZED;
  if (l.descriptions.count(description) == 0 || l.layouts.count(a) == 0 || l.layouts.count(b) == 0 ||
      l.layouts.count(c) == 0 || l.layouts.count(d) == 0 || l.preferences.count(preference) == 0 || wanted <= 0 ||
      answers == nullptr || answered == nullptr) {
    return INVALID_VALUE;
  }
  *answered = 0;
  std::string wrong = conflict(l.descriptions[description], l.layouts[a], l.layouts[b], l.layouts[c], l.layouts[d]);
  if (!wrong.empty()) return refuse(INVALID_VALUE, wrong);
  wrong = unsupported(l.descriptions[description], l.layouts[a], l.layouts[b], l.layouts[d]);
  if (!wrong.empty()) return refuse(NOT_SUPPORTED, wrong);
  const Preference& preferred = l.preferences[preference];
  for (int kind = 0; kind < KIND_COUNT && *answered < wanted; kind++) {
    Heuristic answer = {};
    answer.workspace_bytes = KINDS[kind].workspace_bytes;
    answer.algorithm.magic = ALGORITHM;
    answer.algorithm.kind = kind;
    answer.algorithm.type = l.layouts[a].type;
    memcpy(answer.algorithm.alignment, preferred.alignment, sizeof preferred.alignment);
    bool fits = answer.workspace_bytes <= preferred.workspace_bytes &&
                (KINDS[kind].parts < 2 || (preferred.reduction_schemes & COMPUTE_TYPE_SCHEME) != 0);
    if (fits && unfit(answer.algorithm, l.layouts[a], l.layouts[d]).empty()) answers[(*answered)++] = answer;
  }
  return *answered > 0 ? SUCCESS : NOT_SUPPORTED;
}

EXPORTED int cublasLtMatmulAlgoCheck(uint64_t handle, uint64_t description, uint64_t a, uint64_t b, uint64_t c,
                                     uint64_t d, const Algorithm* algorithm, Heuristic* answer) {
  Library& l = library();
  std::lock_guard<std::mutex> holding(l.lock);
  if (l.handles.count(handle) == 0) return NOT_INITIALIZED;
  if (l.descriptions.count(description) == 0 || l.layouts.count(a) == 0 || l.layouts.count(b) == 0 ||
      l.layouts.count(c) == 0 || l.layouts.count(d) == 0 || algorithm == nullptr || answer == nullptr) {
    return INVALID_VALUE;
  }
  // Refusals here are answers, not faults, so nothing is said of them.
  if (!conflict(l.descriptions[description], l.layouts[a], l.layouts[b], l.layouts[c], l.layouts[d]).empty()) {
    return INVALID_VALUE;
  }
  if (!unsupported(l.descriptions[description], l.layouts[a], l.layouts[b], l.layouts[d]).empty() ||
      !unfit(*algorithm, l.layouts[a], l.layouts[d]).empty()) {
    return NOT_SUPPORTED;
  }
  // The algorithm in the answer stays as it is.
  answer->workspace_bytes = KINDS[algorithm->kind].workspace_bytes;
  answer->status = SUCCESS;
  answer->waves = 1;
  return SUCCESS;
}

EXPORTED int cublasLtMatmul(uint64_t handle, uint64_t description, const float* alpha, uint64_t a, uint64_t a_layout,
                            uint64_t b, uint64_t b_layout, const float* beta, uint64_t c, uint64_t c_layout, uint64_t d,
                            uint64_t d_layout, const Algorithm* algorithm, uint64_t workspace, size_t workspace_bytes,
                            void* stream) {
  Library& l = library();
  std::lock_guard<std::mutex> holding(l.lock);
  if (l.handles.count(handle) == 0) return NOT_INITIALIZED;
  if (l.descriptions.count(description) == 0 || l.layouts.count(a_layout) == 0 || l.layouts.count(b_layout) == 0 ||
      l.layouts.count(c_layout) == 0 || l.layouts.count(d_layout) == 0 || alpha == nullptr || beta == nullptr) {
    return refuse(INVALID_VALUE, "a product without one of its parts");
  }
  if (algorithm == nullptr) return refuse(INVALID_VALUE, "a product without an algorithm");
  std::string wrong = unfit(*algorithm, l.layouts[a_layout], l.layouts[d_layout]);
  if (!wrong.empty()) return refuse(INVALID_VALUE, wrong);
  if (algorithm->kind == l.failing) return refuse(NOT_SUPPORTED, "an algorithm that was told to fail");
  const Description& what = l.descriptions[description];
  Product p = {};
  p.a = a;
  p.b = b;
  p.d = d;
  p.a_layout = l.layouts[a_layout];
  p.b_layout = l.layouts[b_layout];
  p.c_layout = l.layouts[c_layout];
  p.d_layout = l.layouts[d_layout];
  p.alpha = *alpha;
  p.beta = *beta;
  p.c = p.beta == 0 ? 0 : c;
  p.a_scales = what.a_scales;
  p.b_scales = what.b_scales;
  p.transpose_a = what.transpose_a;
  p.transpose_b = what.transpose_b;
  p.inner = what.transpose_a ? p.a_layout.rows : p.a_layout.columns;
  p.bias_type = what.bias_type == -1 ? p.d_layout.type : what.bias_type;
  p.workspace = workspace;
  p.workspace_bytes = KINDS[algorithm->kind].workspace_bytes;
  p.parts = KINDS[algorithm->kind].parts;

  wrong = conflict(what, p.a_layout, p.b_layout, p.c_layout, p.d_layout);
  if (!wrong.empty()) return refuse(INVALID_VALUE, wrong);
  wrong = unsupported(what, p.a_layout, p.b_layout, p.d_layout);
  if (!wrong.empty()) return refuse(NOT_SUPPORTED, wrong);
  if (workspace_bytes < p.workspace_bytes) return refuse(INVALID_VALUE, "less workspace than the algorithm needs");
  const uint64_t addresses[] = {a, b, p.c, d};
  for (int i = 0; i < 4; i++) {
    if (addresses[i] % algorithm->alignment[i] != 0) {
      return refuse(INVALID_VALUE, std::string("a worse alignment than the algorithm was chosen for: ") + "ABCD"[i]);
    }
  }
  if (what.epilogue == BIAS_EPILOGUE) {
    p.bias = what.bias;
    if (!emulated_holds(p.bias, p.d_layout.rows * size_of(p.bias_type))) {
      return refuse(INVALID_VALUE, "the bias is not in device memory");
    }
  }
  if (p.a_layout.type == FLOAT8_E4M3 && (!emulated_holds(p.a_scales, p.d_layout.rows * sizeof(float)) ||
                                         !emulated_holds(p.b_scales, p.d_layout.columns * sizeof(float)))) {
    return refuse(INVALID_VALUE, "scales are not in device memory, or fewer than rows of D or columns");
  }
  if (!in_memory(a, p.a_layout) || !in_memory(b, p.b_layout) || !in_memory(d, p.d_layout) ||
      (p.c != 0 && !in_memory(p.c, p.c_layout)) ||
      (p.workspace_bytes != 0 && !emulated_holds(workspace, p.workspace_bytes))) {
    return refuse(INVALID_VALUE, "a matrix or the workspace is not in device memory, or longer than its allocation");
  }
  return emulated_enqueue(stream, "cublasLtMatmul", multiply, &p, sizeof p, ADDRESSES) == 0 ? SUCCESS : EXECUTION_FAILED;
}

// Hooks for tests ---------------------------------------------------------------------------------------------------

// 130100 for 13.1.
EXPORTED void emulated_cublas_version(int version) {
  std::lock_guard<std::mutex> holding(library().lock);
  library().version = version;
}

// From now on the heuristic's answer of this number, from 0, fails when it runs; -1 for none.
EXPORTED int64_t emulated_cublas_fail(int kind) {
  std::lock_guard<std::mutex> holding(library().lock);
  library().failing = kind;
  return kind;
}

// Handles, descriptions, layouts and preferences not given back.
EXPORTED int64_t emulated_cublas_live_handles() {
  Library& l = library();
  std::lock_guard<std::mutex> holding(l.lock);
  return static_cast<int64_t>(l.handles.size() + l.descriptions.size() + l.layouts.size() + l.preferences.size());
}
