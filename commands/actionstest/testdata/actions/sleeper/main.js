process.on('SIGINT', () => {
  console.log('interrupted')
  process.exit(130)
})
console.log('sleeping')
setTimeout(() => {}, 60000)
