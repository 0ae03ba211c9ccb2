// The highest of many scores. Equal scores prefer the lower place; NaN ranks below all numbers.
//
//   select_top_k  places of the `keep` highest of scores[first .. first + count), ascending, into out[at .. at + keep)
//   split_top_k   those of some places whose scores are the `keep` highest, and the others behind them, in their order
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

struct SplitTopK {
  const float* scores;  // (tokens)
  const int* places;    // (count): columns of scores; one outside ranks as NaN does
  int* out;             // (count)
  int tokens, count, keep;
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

// A thread's ranks: one in each run of neighbours that its warp takes, whose places follow each other. score(place)
// gives what ranks.
template <typename Score> struct Ranks {
  Score score;
  int begin, end;  // the warp's
  unsigned held[HELD];

  __device__ __forceinline__ Ranks(Score score, int count) : score(score) {
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
    return place < end ? rank(score(place)) : 0;
  }
};

// Calls store(place, whether it is among the `keep` highest, how many before it are) for each place; keep is at least 1.
template <typename Score, typename Store>
__device__ __forceinline__ void split(int count, int keep, Score score, Store store) {
  Shared& shared = *reinterpret_cast<Shared*>(shared_memory());
  int warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;

  Ranks<Score> ranks(score, count);
  unsigned* histograms = &shared.histograms[0][0];
  for (int i = threadIdx.x; i < radix::PASSES * radix::DIGITS; i += THREADS) histograms[i] = 0;
  __syncthreads();

  unsigned lowest = 0;     // the bits found so far of the lowest kept rank
  unsigned wanted = keep;  // how many are kept of those that share these bits
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
    bool kept = (higher >> lane & 1) != 0 || ((same >> lane & 1) != 0 && equals < ties);
    if (there) store(place, kept, above + __popc(higher & before) + min(equals, ties));
    above += __popc(higher);
    equal += __popc(same);
  });
}

__device__ void select_places(const SelectTopK& a) {
  if (a.keep < 1 || a.keep > a.count) return;
  const float* scores = a.scores + a.first;
  split(a.count, a.keep, [=](int place) { return scores[place]; }, [&](int place, bool kept, int before) {
    if (kept) a.out[a.at + before] = a.first + place;
  });
}

__device__ void split_places(const SplitTopK& a) {
  if (a.keep < 1) {
    for (int i = threadIdx.x; i < a.count; i += THREADS) a.out[i] = a.places[i];
    return;
  }
  auto score = [=](int place) {
    int token = a.places[place];
    return token >= 0 && token < a.tokens ? a.scores[token] : NAN;
  };
  split(a.count, a.keep, score, [&](int place, bool kept, int before) {
    a.out[kept ? before : a.keep + place - before] = a.places[place];
  });
}

}  // namespace selection

EXPORT(select_top_k, selection::select_places, SelectTopK, selection::THREADS)
EXPORT(split_top_k, selection::split_places, SplitTopK, selection::THREADS)

// Launch, both:
//   grid     1
//   threads  1024
//   shared   sizeof(selection::Shared), 4360 bytes
