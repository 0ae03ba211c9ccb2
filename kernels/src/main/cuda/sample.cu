// The next token from its logits.
//
// Logits of tokens that were seen before are penalised first. Temperature 0 takes the highest logit, the lowest id
// among equals. Otherwise the topK highest logits stay, lower ids first among equals; p = softmax of these logits /
// temperature; of them the smallest number of likeliest tokens whose probabilities reach topP stay ("nucleus", Holtzman
// et al. 2020), at least one, lower ids first again; and the token is the first of them, by id, at which their running
// sum exceeds uniform · their sum. A NaN among the logits gives -1.
//
// In the order (logit, lower id) the topK are a prefix, and the nucleus is a prefix of that: so once the mass of the
// topK is known, the nucleus is searched for among all tokens.
//
// Probabilities are added in fixed point, as multiples of 2^-40 of the likeliest token's: such sums are exact, so they
// don't depend on their order.
#include "radix.cuh"

struct Sample {
  const float* logits;    // (vocabulary), fewer than 2^23
  int* seen;              // (vocabulary): 0 for tokens that were not seen; the token that is chosen becomes 1
  const float* controls;  // temperature ≥ 0, topP, uniform in [0, 1), topK or 0 for all, penalty > 0
  int* out;               // (1): the token
  int vocabulary;
};

namespace sampling {

constexpr int THREADS = 1024;
constexpr int WARPS = THREADS / WARP;
constexpr unsigned NOT_A_NUMBER = 0xffffffffu;

typedef unsigned long long Mass;

// A sum in two words, as shared memory adds words much faster than pairs of them.
struct Bin {
  unsigned low, high;
};

// What some tokens have, of those above the lowest kept logit, and how many have just that logit.
struct Part {
  Mass above;
  int equal;
};

struct Shared {
  Bin bins[radix::PASSES][radix::DIGITS];
  unsigned counts[radix::PASSES][radix::DIGITS];
  radix::Found<Mass> found;
  Part parts[2][WARPS];
  Mass highest[WARPS];
  Mass totals[WARPS];
};
static_assert(sizeof(Shared) == 13840, "CudaSelection asks for as much");

// The logits that are chosen from. A seen token's is divided by the penalty if positive, multiplied if negative
// ("CTRL", Keskar et al. 2019).
struct Logits {
  const float* given;
  const int* seen;  // not read where the penalty is 1
  float penalty;

  __device__ __forceinline__ float operator[](int token) const {
    float logit = given[token];
    if (penalty == 1.0f || seen[token] == 0) return logit;
    // Rounded before anything is done with it, so that it is one number wherever it is read.
    return logit < 0 ? __fmul_rn(logit, penalty) : logit / penalty;
  }
};

// p of a token, up to a factor.
struct Softmax {
  float highest;  // logit
  float scale;    // log2(e) / temperature

  __device__ Mass operator()(float logit) const {
    // The highest has to be 1 also where the product would be ∞ - ∞ or 0 · ∞.
    float p = logit == highest ? 1.0f : exp2f((logit - highest) * scale);
    return static_cast<Mass>(p * static_cast<float>(1ull << 40));
  }
};

// The likeliest tokens that stay: all above one logit, and some that have it.
struct Nucleus {
  unsigned lowest;  // the ordered bits of that logit
  Mass each;        // mass of a token that has it
  int ties;         // how many of those stay
  Mass mass;        // of all that stay
};

__device__ __forceinline__ void add(Bin* bin, Mass mass) {
  unsigned low = static_cast<unsigned>(mass);
  unsigned carry = atomicAdd(&bin->low, low) + low < low;
  unsigned high = static_cast<unsigned>(mass >> 32) + carry;
  if (high != 0) atomicAdd(&bin->high, high);
}

// The highest logit's rank above, its id counted down below; NaN ranks highest of all.
__device__ Mass find_highest(const Logits& logits, int vocabulary, Mass* scratch) {
  Mass highest = 0;
  for (int i = threadIdx.x; i < vocabulary; i += THREADS) {
    float logit = logits[i];
    unsigned rank = isnan(logit) ? NOT_A_NUMBER : radix::ordered(logit);
    highest = max(highest, static_cast<Mass>(rank) << 32 | ~static_cast<unsigned>(i));
  }
  for (int step = WARP / 2; step > 0; step /= 2) highest = max(highest, __shfl_xor_sync(ALL_LANES, highest, step));
  if (threadIdx.x % WARP == 0) scratch[threadIdx.x / WARP] = highest;
  __syncthreads();
  highest = scratch[threadIdx.x % WARP];
  for (int step = WARP / 2; step > 0; step /= 2) highest = max(highest, __shfl_xor_sync(ALL_LANES, highest, step));
  return highest;
}

// The mass of the tokens above a rank.
__device__ Mass mass_above(unsigned lowest, const Logits& logits, int vocabulary, const Softmax& softmax,
                           Mass* scratch) {
  Mass total = 0;
  for (int i = threadIdx.x; i < vocabulary; i += THREADS) {
    float logit = logits[i];
    if (radix::ordered(logit) > lowest) total += softmax(logit);
  }
  total = radix::warp_total(total);
  if (threadIdx.x % WARP == 0) scratch[threadIdx.x / WARP] = total;
  __syncthreads();
  return radix::warp_total(scratch[threadIdx.x % WARP]);
}

// The rank of the lowest of the `count` highest logits, and how many of those that share it are among them; the counters
// are zero.
__device__ void find_lowest(unsigned count, const Logits& logits, int vocabulary, Shared& shared, Nucleus* top) {
  unsigned lowest = 0;
  Mass wanted = count;
  for (int pass = 0; pass < radix::PASSES; pass++) {
    int shift = (radix::PASSES - 1 - pass) * radix::DIGIT_BITS;
    unsigned* counts = shared.counts[pass];
    for (int i = threadIdx.x; i < vocabulary; i += THREADS) {
      unsigned rank = radix::ordered(logits[i]);
      if ((rank ^ lowest) >> shift >> radix::DIGIT_BITS == 0) atomicAdd(&counts[rank >> shift & (radix::DIGITS - 1)], 1u);
    }
    __syncthreads();
    auto count_of = [=](int digit) { return static_cast<Mass>(counts[digit]); };
    if (threadIdx.x < WARP) radix::find_digit(wanted, count_of, &shared.found);
    __syncthreads();
    lowest |= shared.found.digit << shift;
    wanted -= shared.found.above;
  }
  top->lowest = lowest;
  top->ties = static_cast<int>(wanted);
}

// The likeliest tokens that together reach `wanted` of `total`; the bins are zero.
__device__ Nucleus find_nucleus(const Logits& logits, int vocabulary, const Softmax& softmax, Mass wanted, Mass total,
                                Shared& shared) {
  // All tokens below this together are less than what may go.
  Mass least = (total - wanted) / vocabulary;
  unsigned lowest = 0;
  Mass missing = wanted;
  for (int pass = 0; pass < radix::PASSES; pass++) {
    int shift = (radix::PASSES - 1 - pass) * radix::DIGIT_BITS;
    Bin* bins = shared.bins[pass];
    for (int i = threadIdx.x; i < vocabulary; i += THREADS) {
      float logit = logits[i];
      unsigned rank = radix::ordered(logit);
      if ((rank ^ lowest) >> shift >> radix::DIGIT_BITS != 0) continue;
      Mass mass = softmax(logit);
      if (mass >= least) add(&bins[rank >> shift & (radix::DIGITS - 1)], mass);
    }
    __syncthreads();
    auto mass_of = [=](int digit) { return static_cast<Mass>(bins[digit].high) << 32 | bins[digit].low; };
    if (threadIdx.x < WARP) radix::find_digit(missing, mass_of, &shared.found);
    __syncthreads();
    lowest |= shared.found.digit << shift;
    missing -= shared.found.above;
  }
  Mass each = softmax(radix::number(lowest));
  Mass ties = (missing + each - 1) / each;
  return {lowest, each, static_cast<int>(ties), wanted - missing + ties * each};
}

// The first token of the nucleus at which the running mass exceeds `at`: each round shares what is left among the
// warps and goes on with the part of one of them.
__device__ int find_token(const Logits& logits, int vocabulary, const Softmax& softmax, const Nucleus& nucleus, Mass at,
                          Shared& shared) {
  int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
  int begin = 0, end = vocabulary;
  Part before = {0, 0};
  for (int round = 0; end - begin > 1; round++) {
    int share = ceil_div(end - begin, WARPS);
    int from = min(begin + warp * share, end), to = min(from + share, end);
    Part part = {0, 0};
    for (int i = from + lane; i < to; i += WARP) {
      float logit = logits[i];
      unsigned rank = radix::ordered(logit);
      if (rank > nucleus.lowest) part.above += softmax(logit);
      if (rank == nucleus.lowest) part.equal++;
    }
    part = {radix::warp_total(part.above), radix::warp_total(part.equal)};
    // Two sets of parts take turns, so that nobody writes one that others still read.
    Part* parts = shared.parts[round % 2];
    if (lane == 0) parts[warp] = part;
    __syncthreads();
    Part upTo = {before.above + radix::warp_scan(parts[lane].above),
                 before.equal + radix::warp_scan(parts[lane].equal)};
    Mass running = upTo.above + nucleus.each * min(upTo.equal, nucleus.ties);
    int chosen = __ffs(__ballot_sync(ALL_LANES, running > at)) - 1;
    Mass above = __shfl_sync(ALL_LANES, upTo.above, max(chosen - 1, 0));
    int equal = __shfl_sync(ALL_LANES, upTo.equal, max(chosen - 1, 0));
    if (chosen > 0) before = {above, equal};
    begin += chosen * share;
    end = min(begin + share, end);
  }
  return begin;
}

__device__ void run(const Sample& a) {
  Shared& shared = *reinterpret_cast<Shared*>(shared_memory());
  float temperature = a.controls[0], topP = a.controls[1], uniform = a.controls[2], topK = a.controls[3];
  Logits logits = {a.logits, a.seen, a.controls[4]};
  for (int i = threadIdx.x; i < radix::PASSES * radix::DIGITS; i += THREADS) {
    shared.bins[i / radix::DIGITS][i % radix::DIGITS] = {0, 0};
    shared.counts[i / radix::DIGITS][i % radix::DIGITS] = 0;
  }
  Mass best = find_highest(logits, a.vocabulary, shared.highest);
  int token = static_cast<int>(~static_cast<unsigned>(best));
  if (best >> 32 == NOT_A_NUMBER) {
    token = -1;
  } else if (temperature != 0) {
    Softmax softmax = {logits[token], 1.44269504f / temperature};
    // All tokens are above rank 0.
    Nucleus top = {0, 0, 0, 0};
    if (topK >= 1 && topK < a.vocabulary) {
      find_lowest(static_cast<unsigned>(topK), logits, a.vocabulary, shared, &top);
      top.each = softmax(radix::number(top.lowest));
    }
    Mass total = mass_above(top.lowest, logits, a.vocabulary, softmax, shared.totals) + top.ties * top.each;
    Mass wanted = max(Mass(1), min(total, static_cast<Mass>(ceil(static_cast<double>(topP) * total))));
    Nucleus nucleus = {top.lowest, top.each, top.ties, total};
    if (wanted < total) nucleus = find_nucleus(logits, a.vocabulary, softmax, wanted, total, shared);
    Mass at = min(static_cast<Mass>(static_cast<double>(uniform) * nucleus.mass), nucleus.mass - 1);
    token = find_token(logits, a.vocabulary, softmax, nucleus, at, shared);
  }
  if (threadIdx.x != 0) return;
  *a.out = token;
  // Everyone has passed a barrier since reading it.
  if (token >= 0) a.seen[token] = 1;
}

}  // namespace sampling

EXPORT(sample, sampling::run, Sample, sampling::THREADS)

// Launch:
//   grid     1
//   threads  1024
//   shared   sizeof(sampling::Shared), 13840 bytes
