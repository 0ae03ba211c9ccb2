#include "memory.h"

#include <cstdlib>
#include <cstring>

#if defined(__SANITIZE_ADDRESS__)
#define EMULATED_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EMULATED_ASAN 1
#endif
#endif

#ifdef EMULATED_ASAN
#include <sanitizer/asan_interface.h>
#define FORBID(at, bytes) ASAN_POISON_MEMORY_REGION(at, bytes)
#define ALLOW(at, bytes) ASAN_UNPOISON_MEMORY_REGION(at, bytes)
#else
#define FORBID(at, bytes) ((void)(at), (void)(bytes))
#define ALLOW(at, bytes) ((void)(at), (void)(bytes))
#endif

namespace emulated {

namespace {

constexpr size_t ALIGNMENT = 256;
constexpr size_t GUARD_BYTES = 256;
constexpr unsigned char UNKNOWN = 0xff;
constexpr size_t GONE_BYTES = 32 << 20;

// NaN for every type, so that what is read there by mistake shows as well.
struct Guard {
  unsigned char bytes[GUARD_BYTES];
  Guard() {
    for (size_t i = 0; i < GUARD_BYTES; i++) bytes[i] = i % 2 == 0 ? 0xa5 : 0xff;
  }
} const guard;

[[maybe_unused]] bool is_whole(const unsigned char* at) { return memcmp(at, guard.bytes, GUARD_BYTES) == 0; }

void set_guards(unsigned char* begin, size_t bytes) {
  memcpy(begin - GUARD_BYTES, guard.bytes, GUARD_BYTES);
  memcpy(begin + bytes, guard.bytes, GUARD_BYTES);
}

// Where the first byte is that isn't unknown, or `bytes`.
size_t first_known(const unsigned char* at, size_t bytes) {
  if (bytes == 0 || (at[0] == UNKNOWN && memcmp(at, at + 1, bytes - 1) == 0)) return bytes;
  size_t i = 0;
  while (at[i] == UNKNOWN) i++;
  return i;
}

}  // namespace

Memory::~Memory() {
  for (const auto& entry : live) let_go(entry.second);
  for (const auto& entry : gone) let_go(entry.second);
}

unsigned char* Memory::take(size_t bytes) {
  unsigned char* whole = static_cast<unsigned char*>(malloc(bytes + 2 * GUARD_BYTES + ALIGNMENT));
  if (whole == nullptr) return nullptr;
  unsigned char* begin = whole + GUARD_BYTES;
  begin += (ALIGNMENT - reinterpret_cast<uintptr_t>(begin) % ALIGNMENT) % ALIGNMENT;
  memset(begin, UNKNOWN, bytes);
  set_guards(begin, bytes);
  FORBID(begin - GUARD_BYTES, GUARD_BYTES);
  FORBID(begin + bytes, GUARD_BYTES);
  live[reinterpret_cast<uintptr_t>(begin)] = Piece{whole, begin, bytes};
  live_bytes += bytes;
  return begin;
}

bool Memory::give_back(uint64_t address) {
  auto found = live.find(address);
  if (found == live.end()) return false;
  Piece piece = found->second;
  if (late_damage.empty()) late_damage = check(piece);
  live.erase(found);
  live_bytes -= piece.bytes;
  memset(piece.begin, UNKNOWN, piece.bytes);
  FORBID(piece.begin, piece.bytes);
  gone[address] = piece;
  gone_in_order.push_back(address);
  gone_bytes += piece.bytes;
  while (gone_bytes > GONE_BYTES) {
    auto oldest = gone.find(gone_in_order.front());
    gone_in_order.pop_front();
    gone_bytes -= oldest->second.bytes;
    ALLOW(oldest->second.begin, oldest->second.bytes);
    size_t written = first_known(oldest->second.begin, oldest->second.bytes);
    if (written < oldest->second.bytes && late_damage.empty()) {
      late_damage = "a write into " + std::string(kind) + " after it was freed, at byte " + std::to_string(written) +
                    " of " + std::to_string(oldest->second.bytes);
    }
    let_go(oldest->second);
    gone.erase(oldest);
  }
  return true;
}

const Memory::Piece* Memory::around(const Pieces& pieces, uint64_t address) {
  auto after = pieces.upper_bound(address);
  if (after == pieces.begin()) return nullptr;
  const Piece& piece = std::prev(after)->second;
  return address - reinterpret_cast<uintptr_t>(piece.begin) < piece.bytes ? &piece : nullptr;
}

bool Memory::holds(uint64_t address, size_t bytes) const {
  const Piece* piece = around(live, address);
  return piece != nullptr && bytes <= piece->bytes - (address - reinterpret_cast<uintptr_t>(piece->begin));
}

bool Memory::reaches(uint64_t address) const {
  return around(live, address) != nullptr || around(live, address - 1) != nullptr;
}

bool Memory::was_given_back(uint64_t address) const {
  return around(live, address) == nullptr && around(gone, address) != nullptr;
}

size_t Memory::bytes_at(uint64_t address) const {
  auto found = live.find(address);
  return found == live.end() ? 0 : found->second.bytes;
}

std::string Memory::damage() {
  std::string found;
  std::swap(found, late_damage);
  for (auto entry = live.begin(); found.empty() && entry != live.end(); ++entry) {
    const Piece& piece = entry->second;
    found = check(piece);
    if (!found.empty()) set_guards(piece.begin, piece.bytes);
  }
  return found;
}

std::string Memory::check(const Piece& piece) const {
#ifdef EMULATED_ASAN
  // The access itself is caught, and the guards can't be read.
  (void)piece;
#else
  bool before = is_whole(piece.begin - GUARD_BYTES), behind = is_whole(piece.begin + piece.bytes);
  if (before && behind) return "";
  std::string of = std::string(kind) + " of " + std::to_string(piece.bytes) + " bytes";
  if (!before) return "a write before the start of " + of;
  size_t i = 0;
  while (piece.begin[piece.bytes + i] == guard.bytes[i]) i++;
  return "a write " + std::to_string(i) + " bytes behind the end of " + of;
#endif
  return "";
}

void Memory::let_go(const Piece& piece) {
  ALLOW(piece.whole, piece.bytes + 2 * GUARD_BYTES + ALIGNMENT);
  free(piece.whole);
}

}  // namespace emulated
