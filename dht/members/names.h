// Texts that many entries share, each kept once and named by a number.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace vortex::dht {

class Names {
 public:
  explicit Names(std::size_t limit) : limit_(limit) {}
  // Nothing when there are too many.
  std::optional<std::uint32_t> number_of(std::string_view name) {
    auto found = numbers_.find(name);
    if (found != numbers_.end()) return found->second;
    if (names_.size() >= limit_) return std::nullopt;
    auto number = static_cast<std::uint32_t>(names_.size());
    auto placed = numbers_.emplace(std::string(name), number).first;
    names_.push_back(&placed->first);
    return number;
  }
  const std::string& name(std::uint32_t number) const { return *names_[number]; }
  std::size_t size() const { return names_.size(); }
  bool full() const { return names_.size() >= limit_; }

 private:
  std::size_t limit_;
  std::map<std::string, std::uint32_t, std::less<>> numbers_;
  std::vector<const std::string*> names_;
};

}  // namespace vortex::dht
