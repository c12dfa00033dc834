// A list of things as a JSON list, each put into JSON by the function given.
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

namespace vortex {

template <class T, class ToJson>
nlohmann::json json_list(const std::vector<T>& items, const ToJson& to_json) {
  nlohmann::json out = nlohmann::json::array();
  for (const T& item : items) out.push_back(to_json(item));
  return out;
}

}  // namespace vortex
