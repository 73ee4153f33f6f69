const fs = require('fs')

fs.appendFileSync(process.env.GITHUB_STATE, `started=yes\n`)
const text = process.env.INPUT_TEXT_TO_COUNT
if (!text) {
  console.log('::error title=Count::there is no text to count')
  process.exit(1)
}
const words = text.split(/\s+/).filter(word => word !== '').length
console.log(`${words} words`)
fs.appendFileSync(process.env.GITHUB_OUTPUT, `words=${words}\n`)
