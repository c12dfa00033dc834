// How a record looks as a line of text and as a line of JSON.
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/log.h"

namespace vortex {

namespace {
std::string iso_time(WallTime time) {
  auto day = std::chrono::floor<std::chrono::days>(time);
  std::chrono::year_month_day date(day);
  auto in_day = std::chrono::duration_cast<microseconds>(time - day).count();
  auto second = static_cast<int>(in_day / 1'000'000);
  char text[64];
  std::snprintf(text, sizeof(text), "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), second / 3600, second / 60 % 60,
                second % 60, static_cast<int>(in_day % 1'000'000));
  return text;
}

std::string json_text(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

// Bare when it is one plain word, quoted otherwise.
void append_value(std::string& line, const Field::Value& value) {
  if (auto* text = std::get_if<std::string>(&value)) {
    bool plain = !text->empty();
    for (char c : *text) plain = plain && c > ' ' && c < 0x7F && c != '"' && c != '=' && c != '\\';
    line.append(plain ? *text : json_text(*text));
    return;
  }
  std::visit([&line](const auto& v) { line.append(json_text(v)); }, value);
}

// Control characters would let a message pretend to be another line.
void append_message(std::string& line, std::string_view message) {
  for (char c : message) line.push_back(static_cast<unsigned char>(c) < ' ' || c == 0x7F ? '?' : c);
}
}  // namespace

std::string log_text_line(const LogRecord& record) {
  std::string line = iso_time(record.time);
  line.append(" ").append(to_string(record.level)).append(" ").append(record.area).append(": ");
  append_message(line, record.message);
  for (const Field& field : record.fields) {
    line.append(" ").append(field.name()).append("=");
    append_value(line, field.value());
  }
  if (record.suppressed > 0) line.append(" suppressed=").append(std::to_string(record.suppressed));
  line.push_back('\n');
  return line;
}

std::string log_json_line(const LogRecord& record) {
  nlohmann::ordered_json object;
  object["time"] = iso_time(record.time);
  object["level"] = to_string(record.level);
  object["area"] = record.area;
  object["message"] = record.message;
  for (const Field& field : record.fields)
    std::visit([&](const auto& value) { object[std::string(field.name())] = value; }, field.value());
  if (record.suppressed > 0) object["suppressed"] = record.suppressed;
  return json_text(object) + "\n";
}

}  // namespace vortex
