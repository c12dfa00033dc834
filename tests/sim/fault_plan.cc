#include <cmath>
#include <nlohmann/json.hpp>

#include "tests/sim/fault.h"

namespace vortex::sim {

namespace {
using Json = nlohmann::ordered_json;

double to_json_ms(Duration duration) { return static_cast<double>(duration.count()) / 1e6; }
Duration from_json_ms(double ms) { return Duration(std::llround(ms * 1e6)); }

Error wrong(std::size_t entry, std::string text) {
  return Error(Code::bad_config, "fault plan, entry " + std::to_string(entry + 1) + ": " + std::move(text));
}

Status read_member(Fault& fault, const std::string& name, const Json& value, std::size_t entry) {
  if (value.is_number()) {
    double number = value.get<double>();
    if (name == "at_ms") {
      fault.at = from_json_ms(number);
    } else if (name == "for_ms") {
      fault.lasts = from_json_ms(number);
    } else {
      fault.numbers[name] = number;
    }
    if (number < 0 && (name == "at_ms" || name == "for_ms")) return wrong(entry, name + " is negative");
    return Status();
  }
  if (value.is_string()) {
    std::string text = value.get<std::string>();
    if (name == "action") {
      fault.action = text;
    } else if (name == "machine") {
      fault.machine = text;
    } else if (name == "to") {
      fault.to = text;
    } else {
      fault.texts[name] = text;
    }
    return Status();
  }
  if (value.is_array() && name == "group") {
    for (const Json& member : value) {
      if (!member.is_string()) return wrong(entry, "\"group\" lists names of machines");
      fault.group.push_back(member.get<std::string>());
    }
    return Status();
  }
  return wrong(entry, "\"" + name + "\" is neither a number nor a text");
}
}  // namespace

Result<FaultPlan> FaultPlan::parse(std::string_view text) {
  Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded() || !json.is_array()) return Error(Code::bad_config, "a fault plan is a JSON list of faults");
  FaultPlan plan;
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (!json[i].is_object()) return wrong(i, "is not an object");
    Fault& fault = plan.faults.emplace_back();
    for (const auto& [name, value] : json[i].items()) RETURN_IF_ERROR(read_member(fault, name, value, i));
    if (fault.action.empty()) return wrong(i, "has no \"action\"");
  }
  return plan;
}

std::string FaultPlan::to_json() const {
  std::string text = "[";
  for (const Fault& fault : faults) {
    Json entry;
    entry["at_ms"] = to_json_ms(fault.at);
    entry["action"] = fault.action;
    if (!fault.machine.empty()) entry["machine"] = fault.machine;
    if (!fault.to.empty()) entry["to"] = fault.to;
    if (!fault.group.empty()) entry["group"] = fault.group;
    for (const auto& [name, value] : fault.numbers) entry[name] = value;
    for (const auto& [name, value] : fault.texts) entry[name] = value;
    if (fault.lasts > Duration(0)) entry["for_ms"] = to_json_ms(fault.lasts);
    text.append(text.size() > 1 ? ",\n " : "").append(entry.dump());
  }
  return text + "]";
}

}  // namespace vortex::sim
