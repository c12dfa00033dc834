// "Did you mean …?"
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace vortex {

// Letters to insert, delete, replace or swap with their neighbour to come from one to the other.
std::size_t edit_distance(std::string_view a, std::string_view b);
// The candidate nearest to `word`, if one is near enough to be what was meant; the first of several.
std::optional<std::string> nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace vortex
