// cuBLASLt's part for one product, of float32, or of FP8 with scales that gives float32 or bfloat16: what it does follows
// from the descriptors alone, as the real one's.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef CUBLAS_VERSION
#define CUBLAS_VERSION 130101
#endif

enum { NOT_SUPPORTED = 15, TRANSPOSED = 1, BIAS = 4 };
enum { COMPUTE_32F = 68, R_32F = 0, R_16BF = 14, R_8F_E4M3 = 28, OUTER_VECTORS = 3 };
enum { ALGORITHM = 0xA190 };

typedef struct {
  int transposed_a, transposed_b, epilogue;
  const float *bias, *a_scales, *b_scales;
  int a_scale_mode, b_scale_mode;
} Operation;
typedef struct { int type; uint64_t rows, columns; int64_t stride; } Layout;
typedef struct { uint64_t workspace; uint32_t reduction, alignment[4]; } Preference;
typedef struct { uint64_t algorithm[8]; size_t workspace; int state; float waves; int reserved[4]; } Result;

static int open_descriptors;
static Preference asked;
static int unsupported;
static uint64_t wanted_workspace;
static int refusal;
static size_t version = CUBLAS_VERSION;

int lt_open_descriptors(void) { return open_descriptors; }
const void *lt_asked(void) { return &asked; }
void lt_support(int supported) { unsupported = !supported; }
void lt_want_workspace(uint64_t bytes) { wanted_workspace = bytes; }
void lt_refuse(int status) { refusal = status; }
void lt_set_version(int number) { version = number != 0 ? number : CUBLAS_VERSION; }

static void *make(size_t bytes) { open_descriptors++; return calloc(1, bytes); }
static int unmake(void *descriptor) { open_descriptors--; free(descriptor); return 0; }

size_t cublasLtGetVersion(void) { return version; }
const char *cublasLtGetStatusName(int status) { return status == NOT_SUPPORTED ? "CUBLAS_STATUS_NOT_SUPPORTED" : "CUBLAS_STATUS_OTHER"; }
const char *cublasLtGetStatusString(int status) { (void)status; return "words of cuBLASLt"; }
int cublasLtCreate(void **handle) { *handle = make(1); return 0; }
int cublasLtDestroy(void *handle) { return unmake(handle); }

int cublasLtMatmulDescCreate(Operation **operation, int compute, int scale) {
  *operation = make(sizeof(Operation));
  (*operation)->epilogue = 1;
  return compute != COMPUTE_32F || scale != R_32F;
}
int cublasLtMatmulDescDestroy(Operation *operation) { return unmake(operation); }
int cublasLtMatmulDescSetAttribute(Operation *operation, int attribute, const void *value, size_t bytes) {
  switch (attribute) {
    case 3: memcpy(&operation->transposed_a, value, bytes); return bytes != 4;
    case 4: memcpy(&operation->transposed_b, value, bytes); return bytes != 4;
    case 7: memcpy(&operation->epilogue, value, bytes); return bytes != 4;
    case 8: memcpy(&operation->bias, value, bytes); return bytes != 8;
    case 17: memcpy(&operation->a_scales, value, bytes); return bytes != 8;
    case 18: memcpy(&operation->b_scales, value, bytes); return bytes != 8;
    /* Unknown to the versions that don't have outer vectors. */
    case 31: memcpy(&operation->a_scale_mode, value, bytes); return version < 120900 ? 7 : bytes != 4;
    case 32: memcpy(&operation->b_scale_mode, value, bytes); return version < 120900 ? 7 : bytes != 4;
    default: return 1;
  }
}
int cublasLtMatrixLayoutCreate(Layout **layout, int type, uint64_t rows, uint64_t columns, int64_t stride) {
  *layout = make(sizeof(Layout));
  **layout = (Layout){type, rows, columns, stride};
  return 0;
}
int cublasLtMatrixLayoutDestroy(Layout *layout) { return unmake(layout); }
int cublasLtMatmulPreferenceCreate(Preference **preference) { *preference = make(sizeof(Preference)); return 0; }
int cublasLtMatmulPreferenceDestroy(Preference *preference) { return unmake(preference); }
int cublasLtMatmulPreferenceSetAttribute(Preference *preference, int attribute, const void *value, size_t bytes) {
  if (attribute == 1) memcpy(&preference->workspace, value, bytes);
  else if (attribute == 3) memcpy(&preference->reduction, value, bytes);
  else if (attribute >= 5 && attribute <= 8) memcpy(&preference->alignment[attribute - 5], value, bytes);
  else return 1;
  return bytes != (attribute == 1 ? 8 : 4);
}

static int is_float8_wrong(const Operation *operation, const Layout *a, const Layout *b) {
  if (a->type != R_8F_E4M3 && b->type != R_8F_E4M3) return 0;
  return a->type != b->type || operation->a_scales == NULL || operation->b_scales == NULL ||
         operation->a_scale_mode != OUTER_VECTORS || operation->b_scale_mode != OUTER_VECTORS ||
         operation->transposed_a != TRANSPOSED || operation->transposed_b == TRANSPOSED;
}

int cublasLtMatmulAlgoGetHeuristic(void *handle, Operation *operation, Layout *a, Layout *b, Layout *c, Layout *d,
                                   Preference *preference, int wanted, Result *results, int *count) {
  (void)handle;
  if (operation->epilogue == BIAS && operation->bias == NULL) return 7;
  if (c != d || wanted < 1) return 7;
  if (refusal != 0) return refusal;
  if (is_float8_wrong(operation, a, b)) return NOT_SUPPORTED;
  asked = *preference;
  *count = 0;
  if (unsupported) return 0;
  /* The second of three answers is none. */
  for (int i = 0; i < 3 && i < wanted; i++) {
    memset(&results[i], 0, sizeof *results);
    results[i].algorithm[0] = i;
    results[i].algorithm[7] = ALGORITHM;
    results[i].state = i == 1 ? NOT_SUPPORTED : 0;
    (*count)++;
  }
  return 0;
}

int cublasLtMatmulAlgoCheck(void *handle, Operation *operation, Layout *a, Layout *b, Layout *c, Layout *d,
                            const uint64_t *algorithm, Result *result) {
  (void)operation; (void)a; (void)b;
  if (handle == NULL || c != d || result == NULL) return 7;
  result->workspace = wanted_workspace;
  return algorithm[7] == ALGORITHM ? 0 : NOT_SUPPORTED;
}

static float load(const void *matrix, int type, uint64_t at) {
  if (type == R_32F) return ((const float *)matrix)[at];
  if (type == R_16BF) {
    uint32_t bits = (uint32_t)((const uint16_t *)matrix)[at] << 16;
    float wide;
    memcpy(&wide, &bits, 4);
    return wide;
  }
  uint8_t bits = ((const uint8_t *)matrix)[at];
  int exponent = bits >> 3 & 15;
  float wide = (float)((bits & 7) + (exponent == 0 ? 0 : 8)) / 512;
  for (; exponent > 1; exponent--) wide *= 2;
  return bits & 0x80 ? -wide : wide;
}

static void store(void *matrix, int type, uint64_t at, float x) {
  if (type == R_32F) {
    ((float *)matrix)[at] = x;
    return;
  }
  uint32_t bits;
  memcpy(&bits, &x, 4);
  ((uint16_t *)matrix)[at] = (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

int cublasLtMatmul(void *handle, Operation *operation, const float *alpha, const void *a, Layout *la, const void *b,
                   Layout *lb, const float *beta, const void *c, Layout *lc, void *d, Layout *ld,
                   const uint64_t *algorithm, void *workspace, size_t workspace_bytes, void *stream) {
  if (handle == NULL || algorithm[7] != ALGORITHM || workspace == NULL || workspace_bytes != asked.workspace || stream == NULL) return 7;
  uint64_t m = operation->transposed_a == TRANSPOSED ? la->columns : la->rows;
  uint64_t k = operation->transposed_a == TRANSPOSED ? la->rows : la->columns;
  uint64_t n = operation->transposed_b == TRANSPOSED ? lb->rows : lb->columns;
  if ((operation->transposed_b == TRANSPOSED ? lb->columns : lb->rows) != k || ld->rows != m || ld->columns != n) return 7;
  int float8 = la->type == R_8F_E4M3;
  if (!float8 && (la->type != R_32F || lb->type != R_32F || ld->type != R_32F)) return NOT_SUPPORTED;
  if (is_float8_wrong(operation, la, lb) || (ld->type != R_32F && ld->type != R_16BF)) return NOT_SUPPORTED;
  for (uint64_t j = 0; j < ld->columns; j++) {
    for (uint64_t i = 0; i < m; i++) {
      float sum = 0;
      for (uint64_t l = 0; l < k; l++) {
        sum += load(a, la->type, operation->transposed_a == TRANSPOSED ? i * la->stride + l : l * la->stride + i) *
               load(b, lb->type, operation->transposed_b == TRANSPOSED ? l * lb->stride + j : j * lb->stride + l);
      }
      float result = *alpha * sum;
      if (float8) result *= operation->a_scales[i] * operation->b_scales[j];
      if (*beta != 0) result += *beta * load(c, lc->type, j * lc->stride + i);
      if (operation->epilogue == BIAS) result += operation->bias[i];
      store(d, ld->type, j * ld->stride + i, result);
    }
  }
  return 0;
}
