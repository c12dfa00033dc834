#include "tools/vortex/work_view.h"

#include <nlohmann/json.hpp>

#include "tools/cli/text_table.h"
#include "tools/remote/cluster_state.h"

namespace vortex {

nlohmann::json work_json(const net::WorkReport& work) {
  auto eta = remote::eta_seconds(work);
  nlohmann::json json = {{"active", work.active},
                         {"paused", work.paused},
                         {"done", work.done},
                         {"left", work.left},
                         {"bytes_done", work.bytes_done},
                         {"bytes_left", work.bytes_left},
                         {"rate_bytes", work.rate_bytes},
                         {"waits", work.waits}};
  json["eta_s"] = eta ? nlohmann::json(*eta) : nlohmann::json();
  return json;
}

std::string work_text(const net::WorkReport& work) {
  if (work.left == 0 && !work.active) {
    std::string idle = work.paused ? "nothing to do, and paused" : "nothing to do";
    return work.waits.empty() ? idle : idle + "; " + work.waits;
  }
  std::string text = std::to_string(work.done) + " chunks done, " + std::to_string(work.left) + " left (" +
                     human_size(work.bytes_left) + ")";
  text += ", " + human_size(work.rate_bytes) + "/s";
  auto eta = remote::eta_seconds(work);
  if (eta && work.left > 0) text += ", about " + std::to_string(*eta) + " s to go";
  if (!work.waits.empty()) text += "; " + work.waits;
  return text;
}

}  // namespace vortex
