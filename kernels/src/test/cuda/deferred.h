// Work of a warp that may be done at once or later, in its order: what the products of a warpgroup look like to those
// who wait for them.
#pragma once

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

namespace emulation {

class Deferred {
 public:
  void add(std::function<void()> work) { all.push_back(std::move(work)); }

  // How much is not done yet.
  size_t left() const { return all.size() - done; }

  // Does that many of what is left.
  void run(size_t count) { run_until(done + count); }

  // Ends a group.
  void sent() { groups.push_back(all.size()); }

  // Does all but the last `pending` groups.
  void arrive(int pending) {
    if (groups.size() > static_cast<size_t>(pending)) run_until(groups[groups.size() - 1 - static_cast<size_t>(pending)]);
  }

  // What nobody waited for is never done.
  void forget() {
    all.clear();
    groups.clear();
    done = 0;
  }

 private:
  void run_until(size_t end) {
    while (done < end) all[done++]();
  }

  std::vector<std::function<void()>> all;
  std::vector<size_t> groups;
  size_t done = 0;
};

}  // namespace emulation
