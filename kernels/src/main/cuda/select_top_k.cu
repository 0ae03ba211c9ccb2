// Places of the `keep` highest of scores[first .. first + count), ascending, into out[at .. at + keep). Equal scores
// prefer the lower place; NaN ranks below all numbers.
//
// Four passes find the bits of the lowest score that is kept, eight at a time, from a histogram of those scores that
// share the bits found before. Then each warp counts what it keeps of its part of the scores, and writes it behind
// what the warps before it keep. A thread looks at the same scores each time, and keeps those that its registers hold.
#include "radix.cuh"

struct SelectTopK {
  const float* scores;  // (first + count or more)
  int* out;             // (at + keep or more)
  int first, count, keep, at;
};

namespace selection {

constexpr int THREADS = 1024;
constexpr int WARPS = THREADS / WARP;
constexpr int HELD = 6;  // scores a thread keeps: 6144 in all, more than the 5184 of the paper's largest picture

struct Kept {
  int above;  // the lowest kept score
  int equal;  // to it
};

struct Shared {
  unsigned histograms[radix::PASSES][radix::DIGITS];
  radix::Found<unsigned> found;
  Kept kept[WARPS];
};
static_assert(sizeof(Shared) == 4360, "CudaSelection asks for as much");

__device__ __forceinline__ unsigned rank(float score) { return isnan(score) ? 0 : radix::ordered(score); }

// A thread's ranks: one in each run of neighbours that its warp takes, whose places follow each other.
struct Ranks {
  const float* scores;
  int begin, end;  // the warp's
  unsigned held[HELD];

  __device__ __forceinline__ Ranks(const float* scores, int count) : scores(scores) {
    int each = ceil_div(count, THREADS) * WARP, warp = threadIdx.x / WARP;
    begin = min(warp * each, count);
    end = min(begin + each, count);
#pragma unroll
    for (int k = 0; k < HELD; k++) held[k] = read(begin + k * WARP);
  }

  // Calls work(place, rank, whether there is such a place) run by run; all lanes together.
  template <typename Work> __device__ __forceinline__ void each(Work work) const {
    int lane = threadIdx.x % WARP;
#pragma unroll
    for (int k = 0; k < HELD; k++) {
      int run = begin + k * WARP;
      if (run < end) work(run + lane, held[k], run + lane < end);
    }
    for (int run = begin + HELD * WARP; run < end; run += WARP) work(run + lane, read(run), run + lane < end);
  }

  __device__ __forceinline__ unsigned read(int run) const {
    int place = run + static_cast<int>(threadIdx.x) % WARP;
    return place < end ? rank(scores[place]) : 0;
  }
};

__device__ void run(const SelectTopK& a) {
  if (a.keep < 1 || a.keep > a.count) return;
  Shared& shared = *reinterpret_cast<Shared*>(shared_memory());
  int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;

  Ranks ranks(a.scores + a.first, a.count);
  unsigned* histograms = &shared.histograms[0][0];
  for (int i = threadIdx.x; i < radix::PASSES * radix::DIGITS; i += THREADS) histograms[i] = 0;
  __syncthreads();

  unsigned lowest = 0;      // the bits found so far of the lowest kept rank
  unsigned wanted = a.keep;  // how many are kept of those that share these bits
  for (int pass = 0; pass < radix::PASSES; pass++) {
    int shift = (radix::PASSES - 1 - pass) * radix::DIGIT_BITS;
    unsigned* histogram = shared.histograms[pass];
    ranks.each([=](int, unsigned r, bool there) {
      if (there && (r ^ lowest) >> shift >> radix::DIGIT_BITS == 0) {
        atomicAdd(&histogram[r >> shift & (radix::DIGITS - 1)], 1u);
      }
    });
    __syncthreads();
    if (warp == 0) radix::find_digit(wanted, [=](int digit) { return histogram[digit]; }, &shared.found);
    __syncthreads();
    lowest |= shared.found.digit << shift;
    wanted -= shared.found.above;
  }
  int ties = static_cast<int>(wanted);

  Kept kept = {0, 0};
  ranks.each([&](int, unsigned r, bool there) {
    kept.above += __popc(__ballot_sync(ALL_LANES, there && r > lowest));
    kept.equal += __popc(__ballot_sync(ALL_LANES, there && r == lowest));
  });
  if (lane == 0) shared.kept[warp] = kept;
  __syncthreads();

  int above = radix::warp_total(lane < warp ? shared.kept[lane].above : 0);
  int equal = radix::warp_total(lane < warp ? shared.kept[lane].equal : 0);
  unsigned before = (1u << lane) - 1;
  ranks.each([&](int place, unsigned r, bool there) {
    unsigned higher = __ballot_sync(ALL_LANES, there && r > lowest);
    unsigned same = __ballot_sync(ALL_LANES, there && r == lowest);
    int equals = equal + __popc(same & before);
    bool keep = (higher >> lane & 1) != 0 || ((same >> lane & 1) != 0 && equals < ties);
    if (keep) a.out[a.at + above + __popc(higher & before) + min(equals, ties)] = a.first + place;
    above += __popc(higher);
    equal += __popc(same);
  });
}

}  // namespace selection

EXPORT(select_top_k, selection::run, SelectTopK, selection::THREADS)

// Launch:
//   grid     1
//   threads  1024
//   shared   sizeof(selection::Shared), 4360 bytes
