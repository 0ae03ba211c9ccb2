// Memory that notices writes beside it and use after it was given back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>

namespace emulated {

// Every piece lies between guards of a known pattern and begins as NaN (0xff in every byte). What is given back turns
// to NaN again and stays out of use for a while, so that late writes show.
class Memory {
 public:
  explicit Memory(const char* kind) : kind(kind) {}
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory();

  // Memory of that many bytes at a multiple of 256, or null when the host has none.
  unsigned char* take(size_t bytes);

  // Takes back what `take` returned; false if it isn't that, or was given back before.
  bool give_back(uint64_t address);

  // Whether all of these bytes lie inside one piece.
  bool holds(uint64_t address, size_t bytes) const;

  // Whether the address lies in a piece, or right behind it as that of nothing left of one may.
  bool reaches(uint64_t address) const;

  // Whether the address lies in a piece that was given back.
  bool was_given_back(uint64_t address) const;

  // Size of the piece that begins here, 0 if none does.
  size_t bytes_at(uint64_t address) const;

  // Says which piece was written beside; empty if none. Tells each damage once.
  std::string damage();

  size_t pieces() const { return live.size(); }
  size_t bytes() const { return live_bytes; }

 private:
  struct Piece {
    unsigned char* whole;
    unsigned char* begin;
    size_t bytes;
  };
  typedef std::map<uint64_t, Piece> Pieces;

  static const Piece* around(const Pieces& pieces, uint64_t address);
  std::string check(const Piece& piece) const;
  void let_go(const Piece& piece);

  const char* kind;
  Pieces live;
  size_t live_bytes = 0;
  Pieces gone;
  std::deque<uint64_t> gone_in_order;
  size_t gone_bytes = 0;
  std::string late_damage;
};

}  // namespace emulated
