// One thread's asynchronous copies to shared memory.
#pragma once

#include <cstring>
#include <vector>

namespace emulation {

class Copies {
 public:
  // Of 16 bytes; from null come zeros. It arrives at once, or when it is waited for.
  void start(void* to, const void* from, bool at_once) {
    Copy copy{to, from};
    if (at_once) {
      copy.arrive();
    } else {
      on_their_way.push_back(copy);
    }
  }

  // Ends a group.
  void sent() {
    groups.push_back(on_their_way.size() - in_groups);
    in_groups = on_their_way.size();
  }

  // Lets all but the last `pending` groups arrive.
  void arrive(int pending) {
    if (groups.size() <= static_cast<size_t>(pending)) return;
    auto end = groups.end() - pending;
    size_t count = 0;
    for (auto group = groups.begin(); group != end; ++group) count += *group;
    for (size_t i = 0; i < count; i++) on_their_way[i].arrive();
    on_their_way.erase(on_their_way.begin(), on_their_way.begin() + static_cast<ptrdiff_t>(count));
    groups.erase(groups.begin(), end);
    in_groups -= count;
  }

  // Those that nobody waited for never arrive.
  void forget() {
    on_their_way.clear();
    groups.clear();
    in_groups = 0;
  }

 private:
  struct Copy {
    void* to;
    const void* from;

    void arrive() const {
      if (from == nullptr) {
        memset(to, 0, 16);
      } else {
        memcpy(to, from, 16);
      }
    }
  };

  std::vector<Copy> on_their_way;
  std::vector<size_t> groups;
  size_t in_groups = 0;
};

}  // namespace emulation
