// cuBLASLt's part for one product, in float32: what it does follows from the descriptors alone, as the real one's.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef CUBLAS_VERSION
#define CUBLAS_VERSION 130101
#endif

enum { NOT_SUPPORTED = 15, TRANSPOSED = 1, BIAS = 4 };
enum { COMPUTE_32F = 68, R_32F = 0 };
enum { ALGORITHM = 0xA190 };

typedef struct { int transposed_a, transposed_b, epilogue; const float *bias; } Operation;
typedef struct { int type; uint64_t rows, columns; int64_t stride; } Layout;
typedef struct { uint64_t workspace; uint32_t reduction, alignment[4]; } Preference;
typedef struct { uint64_t algorithm[8]; size_t workspace; int state; float waves; int reserved[4]; } Result;

static int open_descriptors;
static Preference asked;
static int unsupported;
static uint64_t wanted_workspace;

int lt_open_descriptors(void) { return open_descriptors; }
const void *lt_asked(void) { return &asked; }
void lt_support(int supported) { unsupported = !supported; }
void lt_want_workspace(uint64_t bytes) { wanted_workspace = bytes; }

static void *make(size_t bytes) { open_descriptors++; return calloc(1, bytes); }
static int unmake(void *descriptor) { open_descriptors--; free(descriptor); return 0; }

size_t cublasLtGetVersion(void) { return CUBLAS_VERSION; }
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

int cublasLtMatmulAlgoGetHeuristic(void *handle, Operation *operation, Layout *a, Layout *b, Layout *c, Layout *d,
                                   Preference *preference, int wanted, Result *results, int *count) {
  (void)handle; (void)a; (void)b;
  if (operation->epilogue == BIAS && operation->bias == NULL) return 7;
  if (c != d || wanted < 1) return 7;
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

int cublasLtMatmul(void *handle, Operation *operation, const float *alpha, const float *a, Layout *la, const float *b,
                   Layout *lb, const float *beta, const float *c, Layout *lc, float *d, Layout *ld,
                   const uint64_t *algorithm, void *workspace, size_t workspace_bytes, void *stream) {
  if (handle == NULL || algorithm[7] != ALGORITHM || workspace == NULL || workspace_bytes != asked.workspace || stream == NULL) return 7;
  uint64_t m = operation->transposed_a == TRANSPOSED ? la->columns : la->rows;
  uint64_t k = operation->transposed_a == TRANSPOSED ? la->rows : la->columns;
  uint64_t n = operation->transposed_b == TRANSPOSED ? lb->rows : lb->columns;
  if ((operation->transposed_b == TRANSPOSED ? lb->columns : lb->rows) != k || ld->rows != m || ld->columns != n) return 7;
  if (la->type != R_32F || lb->type != R_32F || ld->type != R_32F) return NOT_SUPPORTED;
  for (uint64_t j = 0; j < ld->columns; j++) {
    for (uint64_t i = 0; i < m; i++) {
      float sum = 0;
      for (uint64_t l = 0; l < k; l++) {
        sum += (operation->transposed_a == TRANSPOSED ? a[i * la->stride + l] : a[l * la->stride + i]) *
               (operation->transposed_b == TRANSPOSED ? b[l * lb->stride + j] : b[j * lb->stride + l]);
      }
      float result = *alpha * sum;
      if (*beta != 0) result += *beta * c[j * lc->stride + i];
      if (operation->epilogue == BIAS) result += operation->bias[i];
      d[j * ld->stride + i] = result;
    }
  }
  return 0;
}
