console.log(`local ${process.env.INPUT_WORD} ${process.env.STATE_again || 'first'}`)
console.log('::save-state name=again::again')
